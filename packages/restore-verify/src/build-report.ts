import type { Manifest, RestoreResult } from '@ops/pg-backup'
import type { CheckRun } from './checks/check-run.ts'
import {
  checkNames,
  type CheckName,
  type CheckOutcome,
  type PhaseTime,
  type VerificationReport,
} from './report.ts'
import { PACKAGE_VERSION } from './version.ts'
import type { VerifyRestoreOptions } from './verify-restore.ts'

interface DrillFacts {
  readonly options: Pick<VerifyRestoreOptions, 'store' | 'noOwner' | 'noPrivileges'>
  readonly manifest: Manifest
  readonly manifestSha256: string
  readonly checks: CheckRun
  readonly phases: readonly PhaseTime[]
  readonly now: () => Date
  readonly startedAt: Date
}

interface Results {
  readonly ageMs: number
  /** Of what was restored. @default the whole backup's */
  readonly manifest?: Manifest
  /** What was not restored, in words. */
  readonly leftOut?: readonly string[]
  readonly restored?: RestoreResult
  readonly recoveryMs?: number
  readonly target?: VerificationReport['target']
  readonly tables?: VerificationReport['tables']
  readonly adaptations?: readonly string[]
  /** Why the later checks were not made. */
  readonly stoppedBy?: string
}

/** These two are about the drill and the plan, not about what the backup holds. */
const NOT_ABOUT_THE_BACKUP: ReadonlySet<CheckName> = new Set(['freshness', 'duration'])

export function buildReport(facts: DrillFacts, results: Results): VerificationReport {
  const { manifest, startedAt, phases } = facts
  const { tables, sequences, largeObjects, schemaObjects, extensions } = results.manifest ?? manifest
  const checks = facts.checks.outcomes(checkNames, results.stoppedBy ?? 'it was not reached')
  const failed = checks.filter((each) => each.result === 'fail').map((each) => each.check)
  return {
    format: 'ops.verification-report/1',
    verdict: failed.length === 0 ? 'proven' : 'disproven',
    backupVerdict: failed.every((check) => NOT_ABOUT_THE_BACKUP.has(check)) ? 'proven' : 'disproven',
    backup: {
      cluster: manifest.cluster,
      database: manifest.database,
      id: manifest.id,
      store: facts.options.store.url,
      startedAt: manifest.startedAt,
      ageMs: results.ageMs,
      storedBytes: sum(manifest.objects.map((object) => object.storedBytes)),
      rawBytes: sum(manifest.objects.map((object) => object.rawBytes)),
      serverVersion: manifest.server.version,
      pgDump: manifest.tools.pgDump,
      manifestSha256: facts.manifestSha256,
    },
    target: results.target ?? null,
    tool: `@ops/restore-verify ${PACKAGE_VERSION}`,
    startedAt: startedAt.toISOString(),
    finishedAt: facts.now().toISOString(),
    durationMs: sum(phases.map((phase) => phase.durationMs)),
    recoveryMs: results.recoveryMs ?? null,
    phases,
    checks,
    totals: {
      tables: tables.length,
      rows: sum(tables.map((table) => table.rows)),
      bytes: sum(tables.map((table) => table.bytes)),
      sequences: sequences.length,
      largeObjects: largeObjects.count,
      schemaObjects: schemaObjects.length,
      extensions: extensions.length,
    },
    tables: results.tables ?? [],
    differences: facts.checks.differences,
    warnings: results.restored?.warnings ?? [],
    adaptations: results.adaptations ?? [],
    notChecked: notChecked(facts, checks, results),
  }
}

/** What a drill leaves out is said, so that "proven" never means more than it says. */
function notChecked({ options }: DrillFacts, checks: readonly CheckOutcome[], results: Results): string[] {
  const skipped = checks
    .filter((each) => each.result === 'skipped')
    .map(({ check, reason }) => `${check}: ${reason}`)
  const { leftOut = [], restored } = results
  if (restored === undefined) return [...leftOut, ...skipped]
  return [
    ...leftOut,
    "the database's own properties (ALTER DATABASE … SET, its grants and comment): the scratch database has another name",
    ...(options.noOwner === true ? ['owners: restored without them'] : []),
    ...(options.noPrivileges === true ? ['grants: restored without them'] : []),
    ...skipped,
  ]
}

function sum(values: readonly number[]): number {
  return values.reduce((total, each) => total + each, 0)
}
