import type { ObjectStore } from '@ops/object-store'
import type { Logger } from '@ops/pg-backup'
import type { Config } from '../config-schema.ts'
import type { Activity } from '../activity.ts'

/** What every job works with. */
export interface JobContext {
  readonly config: Config
  readonly store: ObjectStore
  /** For the programs of PostgreSQL: without the worker's own settings, which have secrets among them. */
  readonly env: NodeJS.ProcessEnv
  readonly logger: Logger
  readonly activity: Activity
}
