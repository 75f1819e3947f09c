import { OpsError } from '@ops/internal-error'

export const workerErrorCodes = [
  'WORKER_CONFIG_INVALID',
  'WORKER_DRILL_DISPROVEN',
  'WORKER_RETENTION_INCOMPLETE',
] as const

/** What is the worker's own; everything else is an error of the package that it comes from. */
export class WorkerError extends OpsError<
  (typeof workerErrorCodes)[number],
  /** All that is wrong with the configuration. */
  { problems?: readonly string[] }
> {
  override readonly name = 'WorkerError'
}
