import type { ObjectStore } from '@ops/object-store'
import type { Logger } from '@ops/pg-backup'
import type { Config } from '../config-schema.ts'
import type { Job } from '../job.ts'

/** What every job works with. */
export interface JobContext {
  readonly config: Config
  readonly store: ObjectStore
  /** For the programs of PostgreSQL: without the worker's own settings, which have secrets among them. */
  readonly env: NodeJS.ProcessEnv
  readonly logger: Logger
  readonly onProgress: (job: Pick<Job, 'kind' | 'database'>, progress: JobProgress) => void
}

/** How far a job is; what it has of this is shown. */
export interface JobProgress {
  readonly phase: string
  readonly bytes?: number
  readonly rawBytes?: number
  readonly total?: number
  readonly rows?: number
  readonly table?: { readonly schema: string; readonly name: string }
}
