import { brandError, OpsError } from '@ops/internal-error'

export const workerErrorCodes = [
  'WORKER_CONFIG_INVALID',
  'WORKER_DRILL_DISPROVEN',
  'WORKER_RETENTION_INCOMPLETE',
] as const

export type WorkerErrorCode = (typeof workerErrorCodes)[number]

export interface WorkerErrorDetails {
  /** All that is wrong with the configuration. */
  problems?: readonly string[]
}

export class WorkerError extends OpsError<WorkerErrorCode, WorkerErrorDetails> {
  override readonly name = 'WorkerError'
}

export const isWorkerError: (value: unknown) => value is WorkerError = brandError(
  WorkerError,
  '@ops/ops-worker/error',
)
