/** What each command prints with `--json`. The schemas in `schema/` are made from these types. */
import type { FailedOutput } from '@ops/internal-cli'
import type { AuthQuerySetup } from './auth-query.ts'
import type { PoolingReport } from './check-pooling.ts'
import type { DescribedSetting } from './config-settings.ts'
import type { Diagnosis } from './diagnose.ts'
import type { LintReport } from './lint-config.ts'
import type { Snapshot } from './read-pgbouncer.ts'
import type { SizePoolsResult } from './size-pools.ts'
import type { UserlistCheck, WriteUserlistResult } from './userlist.ts'

export type { FailedOutput }

/** The rows of each SHOW command, and what could not be read. */
export type ShowOutput = Snapshot

/** What is wrong with a running PgBouncer. */
export interface DiagnoseOutput extends Pick<Snapshot, 'target' | 'version'> {
  readonly findings: readonly Diagnosis[]
}

/** Whether a pooled URL is in transaction mode, and works. */
export type CheckOutput = PoolingReport

/** What is wrong with a configuration. */
export type LintOutput = LintReport

/** The settings of one version. */
export interface SettingsOutput {
  readonly version: string
  readonly settings: readonly DescribedSetting[]
}

/** Pool sizes, and how they were reckoned. */
export type SizeOutput = SizePoolsResult

/** Whether userlist.txt is in step with PostgreSQL. */
export type UserlistCheckOutput = UserlistCheck

/** What was written; without `--apply`, what differs. */
export type UserlistWriteOutput = UserlistCheck | WriteUserlistResult

/** The SQL and the settings of a look-up in PostgreSQL. */
export type AuthQueryOutput = AuthQuerySetup
