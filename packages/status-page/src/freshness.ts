import type { DatabaseStatus, Drill, StoredBackup } from './status.ts'

/** How old the last one of something is, against what was promised. */
export interface Freshness {
  /** The backup, or the one that was proven. */
  readonly backup: StoredBackup
  readonly at: string
  readonly ageSeconds: number
  readonly objectiveSeconds: number | undefined
  readonly isLate: boolean
}

/** The last backup; `undefined` when there is none. */
export function lastBackup({ backups, objectives }: DatabaseStatus, takenAt: string): Freshness | undefined {
  const backup = backups.at(-1)
  return backup && freshness(backup, backup.startedAt, takenAt, objectives.backupAgeSeconds)
}

/** The last restore that was proven; `undefined` when there is none among the backups that are kept. */
export function lastProof({ backups, objectives }: DatabaseStatus, takenAt: string): Freshness | undefined {
  const proven = newestDrill(backups.filter(({ drill }) => drill?.verdict === 'proven'))
  return proven && freshness(proven, proven.drill.finishedAt, takenAt, objectives.proofAgeSeconds)
}

/** The backup that was drilled last. */
export function newestDrill(
  backups: readonly StoredBackup[],
): (StoredBackup & { readonly drill: Drill }) | undefined {
  return backups
    .filter((backup): backup is StoredBackup & { readonly drill: Drill } => backup.drill !== null)
    .toSorted((a, b) => Date.parse(a.drill.finishedAt) - Date.parse(b.drill.finishedAt))
    .at(-1)
}

/** Seconds from one time to another, or 0 when they are the wrong way round. */
export function secondsBetween(from: string, to: string): number {
  return Math.max(0, (Date.parse(to) - Date.parse(from)) / 1000)
}

function freshness(
  backup: StoredBackup,
  at: string,
  takenAt: string,
  objectiveSeconds: number | undefined,
): Freshness {
  const ageSeconds = secondsBetween(at, takenAt)
  const isLate = objectiveSeconds !== undefined && ageSeconds > objectiveSeconds
  return { backup, at, ageSeconds, objectiveSeconds, isLate }
}
