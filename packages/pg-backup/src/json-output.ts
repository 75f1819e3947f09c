/** What each command prints with `--json`. The schemas in `schema/` are made from these types. */
import type { FailedOutput } from '@ops/internal-cli'
import type { CreateAllBackupsResult } from './create-all-backups.ts'
import type { BackupProgress, BackupResult } from './create-backup.ts'
import type { BackupAttempt } from './hooks.ts'
import type { ListedBackup } from './list-backups.ts'
import type { ManifestTotals } from './manifest-totals.ts'
import type { RestoreProgress, RestoreResult } from './restore-backup.ts'

export type { FailedOutput }

/** First of all, before the database is connected to. */
export interface Started extends BackupAttempt {
  readonly event: 'started'
}

/** How much there is to do, judged by the last backup of the same database. */
export interface Estimate {
  /** The id of that backup. */
  readonly from: string
  readonly rawBytes: number
  /** At the rate so far; absent while there is none. */
  readonly remainingMs?: number
}

/** How far a dump is. */
type Dump = Extract<BackupProgress, { phase: 'dump' }>

/** How far a backup is: at most one event a second of each phase. */
export type CreateProgress = (
  | Exclude<BackupProgress, Dump>
  | (Dump & {
      /** Since the dump began. */
      readonly elapsedMs: number
      readonly estimate?: Estimate
    })
) & {
  /** `create-all`: the one whose backup this is. */
  readonly database?: string
}

export interface CheckProgress {
  readonly phase: 'check'
  readonly bytes: number
  readonly total: number
}

/** A line of a command that takes its time; the last one is of the event `done` or `failed`. */
export type Line<Progress, Result> =
  | ({ readonly event: 'progress' } & Progress)
  | ({ readonly event: 'done' } & Result)
  | FailedOutput

/** One line of many; the last one is of the event `done` or `failed`. */
export type CreateOutput = Started | Line<CreateProgress, BackupResult>

/** One line of many; the last one is of the event `done` or `failed`. */
export type CreateAllOutput = Started | Line<CreateProgress, CreateAllBackupsResult>

/** A backup that is intact. */
export interface Checked {
  readonly id: string
  readonly objects: number
  /** Of all objects together, as they are stored. */
  readonly bytes: number
}

/** One line of many; the last one is of the event `done` or `failed`. */
export type CheckOutput = Line<CheckProgress, Checked>

/** A backup that was restored. */
export interface Restored extends RestoreResult {
  readonly id: string
}

/** One line of many; the last one is of the event `done` or `failed`. */
export type RestoreOutput = Line<RestoreProgress, Restored>

/** A backup without the parts of its manifest that grow with the schema. */
export interface ListedRow extends ListedBackup, Partial<ManifestTotals> {
  /** Why its manifest could not be read. */
  readonly problem?: string
}

/** The oldest first. */
export type ListOutput = readonly ListedRow[]
