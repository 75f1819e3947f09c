import { cronSchedule, type Schedule } from '@ops/internal-jobs'
import type { ObjectStore } from '@ops/object-store'
import type { Logger } from '@ops/pg-backup'
import type { BackupMetrics } from '@ops/pg-backup/prometheus'
import type { RestoreVerifyMetrics } from '@ops/restore-verify/prometheus'
import type { RetentionMetrics } from '@ops/s3-retention/prometheus'
import type { Config } from '../config.ts'
import type { Databases } from '../databases.ts'

/** What every job works with. */
export interface JobContext {
  readonly config: Config
  readonly store: ObjectStore
  readonly databases: Databases
  /** For the programs of PostgreSQL: without the worker's own settings, which have secrets among them. */
  readonly env: NodeJS.ProcessEnv
  readonly logger: Logger
  readonly metrics: {
    readonly backups: BackupMetrics
    readonly drills: RestoreVerifyMetrics
    readonly retention: RetentionMetrics
  }
}

/** The schedule of a section of the configuration. */
export function scheduleOf(
  { config }: JobContext,
  { schedule: pattern, jitter: jitterMs = 0 }: { readonly schedule: string; readonly jitter?: number },
  name: string,
): Schedule {
  return cronSchedule({ pattern, timeZone: config.timeZone, jitterMs, name })
}
