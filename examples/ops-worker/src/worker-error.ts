import { brandError, OpsError } from '@ops/internal-error'

export const workerErrorCodes = [
  'WORKER_CONFIG_INVALID',
  'WORKER_DRILL_DISPROVEN',
  'WORKER_NOTHING_TO_DRILL',
  'WORKER_RETENTION_INCOMPLETE',
] as const

export type WorkerErrorCode = (typeof workerErrorCodes)[number]

export interface WorkerErrorDetails {
  /** All that is wrong with the configuration. */
  problems?: readonly string[]
}

export class WorkerError extends OpsError<WorkerErrorCode, WorkerErrorDetails> {
  override readonly name = 'WorkerError'

  /** Whether the job has to wait for something, and has not failed. */
  get isPostponed(): boolean {
    return this.code === 'WORKER_NOTHING_TO_DRILL'
  }

  /** Whether it would be no different if it were tried again. */
  get isFinal(): boolean {
    return this.code === 'WORKER_DRILL_DISPROVEN'
  }
}

export const isWorkerError: (value: unknown) => value is WorkerError = brandError(
  WorkerError,
  '@ops/ops-worker/error',
)
