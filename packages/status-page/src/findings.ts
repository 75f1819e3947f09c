import { lastBackup, lastProof, newestDrill } from './freshness.ts'
import { duration, plural } from './words.ts'
import type {
  CertificateStatus,
  DatabaseStatus,
  JobFailure,
  PoolerStatus,
  RetentionOutlook,
  Status,
} from './status.ts'

export type Severity = 'critical' | 'warning'
export type SectionName = 'databases' | 'pools' | 'certificates' | 'retention'

/** One thing that somebody has to look at. */
export interface Finding {
  readonly severity: Severity
  /** What it is about: `main/shop`. */
  readonly subject: string
  readonly message: string
  /** Where the page shows more of it; absent where nothing could be read. */
  readonly section?: SectionName
}

/** From here on a waiting client is worth a word, and then somebody's sleep. */
export const LONG_WAIT_SECONDS = 1
export const TOO_LONG_WAIT_SECONDS = 10

/** Everything that is not as it must be, what is worse first. */
export function findProblems(status: Status): Finding[] {
  const found = [
    ...status.problems.map(({ source, message }) => ({
      severity: 'critical' as const,
      subject: source,
      message,
    })),
    ...status.databases.flatMap((database) => databaseFindings(database, status.takenAt)),
    ...status.poolers.flatMap(poolFindings),
    ...status.certificates.flatMap(certificateFindings),
    ...(status.retention === null ? [] : retentionFindings(status.retention)),
  ]
  return found.toSorted((a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning'))
}

function databaseFindings(status: DatabaseStatus, takenAt: string): Finding[] {
  const subject = subjectOf(status)
  const found: Finding[] = []
  const say = (severity: Severity, message: string): void =>
    void found.push({ severity, subject, message, section: 'databases' })

  const [backup, proof] = [lastBackup(status, takenAt), lastProof(status, takenAt)]
  if (backup === undefined) say('critical', 'has no backup at all')
  else if (backup.isLate)
    say(
      'critical',
      `the last backup is ${duration(backup.ageSeconds)} old; ${duration(backup.objectiveSeconds!)} were promised`,
    )

  const drilled = newestDrill(status.backups)
  if (drilled?.drill.verdict === 'disproven') {
    const { differences } = drilled.drill
    say('critical', `backup ${drilled.id} did not come back as it was: ${plural(differences, 'difference')}`)
  }
  if (status.objectives.proofAgeSeconds !== undefined && backup !== undefined) {
    if (proof === undefined) say('warning', 'no backup was proven yet by a restore')
    else if (proof.isLate)
      say(
        'warning',
        `the last proven restore was ${duration(proof.ageSeconds)} ago; ${duration(proof.objectiveSeconds!)} were promised`,
      )
  }
  const { recoverySeconds: promised } = status.objectives
  const took = drilled?.drill.recoverySeconds ?? 0
  if (promised !== undefined && took > promised)
    say('warning', `the last recovery took ${duration(took)}; ${duration(promised)} were promised`)
  for (const failure of status.failures) say('warning', failureText(failure))
  const gaps = status.calendar.filter(({ state }) => state === 'gap').length
  if (gaps > 0)
    say('warning', `${plural(gaps, 'day')} of the retention window ${gaps === 1 ? 'has' : 'have'} no backup`)
  return found
}

/** What a finding calls a database: `main/shop`. */
export function subjectOf({ cluster, database }: Pick<DatabaseStatus, 'cluster' | 'database'>): string {
  return `${cluster}/${database}`
}

/** `the last backup failed (2026-11-21 03:00 UTC): …`. */
export function failureText({ job, at, message }: JobFailure): string {
  return `the last ${job} failed (${at.slice(0, 16).replace('T', ' ')} UTC): ${message}`
}

function poolFindings({ name, pools }: PoolerStatus): Finding[] {
  return pools
    .filter(({ clientsWaiting, maxWaitSeconds }) => clientsWaiting > 0 && maxWaitSeconds >= LONG_WAIT_SECONDS)
    .map(({ database, user, clientsWaiting, maxWaitSeconds }) => ({
      severity: maxWaitSeconds >= TOO_LONG_WAIT_SECONDS ? 'critical' : 'warning',
      subject: `${name}: ${database}/${user}`,
      message: `${plural(clientsWaiting, 'client waits', 'clients wait')} for a server connection, the longest for ${duration(maxWaitSeconds)}`,
      section: 'pools',
    }))
}

function certificateFindings({ target, state, daysLeft, problem }: CertificateStatus): Finding[] {
  if (state === 'ok') return []
  const left = daysLeft === null ? 'no certificate was seen' : daysLeftText(daysLeft)
  return [
    {
      severity: state === 'critical' ? 'critical' : 'warning',
      subject: target,
      message: problem ?? left,
      section: 'certificates',
    },
  ]
}

/** `12 days left`, `expired 3 days ago`. */
export function daysLeftText(days: number): string {
  const count = plural(Math.abs(days), 'day')
  return days < 0 ? `expired ${count} ago` : `${count} left`
}

function retentionFindings({ refused }: RetentionOutlook): Finding[] {
  return refused.map(({ group, reason }) => ({
    severity: 'warning',
    subject: group,
    message: reason,
    section: 'retention',
  }))
}
