import type { ObjectStore } from '@ops/object-store'
import {
  checkBackup,
  digestDatabase,
  findBackup,
  isBackupError,
  readManifest,
  restoreBackup,
  type Logger,
  type Manifest,
  type PgConnection,
  type RestoreResult,
} from '@ops/pg-backup'
import { compareContents } from './compare-contents.ts'
import type { Difference, PhaseTime, VerificationReport } from './report.ts'
import { RestoreVerifyError } from './restore-verify-error.ts'
import { removeAbandoned, reserveScratchDatabase, type ScratchDatabase } from './scratch-database.ts'

export type VerifyProgress = {
  readonly phase: PhaseTime['phase']
  /** Bytes done in this phase, where it is a matter of bytes. */
  readonly bytes?: number
  readonly total?: number
  readonly rows?: number
}

export interface VerifyRestoreOptions {
  readonly store: ObjectStore
  /** @default 'main' */
  readonly cluster?: string
  /** The database that was backed up. */
  readonly database: string
  /** An id. @default 'latest' */
  readonly id?: string
  /**
   * The server to restore on, and a role that may create databases there. Its `database` is only
   * used to get in; nothing in it is touched. The source's roles must exist there, or use `noOwner`
   * and `noPrivileges`. @default libpq's `PG*` variables, database `postgres`
   */
  readonly connection?: PgConnection
  /** Restore without owners; they are then not compared, and the report says so. @default false */
  readonly noOwner?: boolean
  /** Restore without GRANTs; they are then not compared, and the report says so. @default false */
  readonly noPrivileges?: boolean
  readonly onProgress?: (progress: VerifyProgress) => void
  /** @default silent */
  readonly logger?: Logger
  readonly signal?: AbortSignal
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv
  /** @default () => new Date() */
  readonly now?: () => Date
}

/**
 * Proves that a backup restores: its checksums are compared, it is restored into a scratch database,
 * that database is dumped into nothing and digested exactly as the backup was, and every table,
 * sequence, large object, schema object and extension is compared with the manifest. The scratch
 * database is dropped whatever happens; what a killed drill left is dropped by the next one.
 *
 * A damaged or incomplete backup is a result (`verdict: 'disproven'`). A drill that could not be run
 * rejects with `RestoreVerifyError` or `BackupError` or, when aborted, with `signal.reason`.
 */
export async function verifyRestore(options: VerifyRestoreOptions): Promise<VerificationReport> {
  const { store, env = process.env, signal, now = () => new Date(), onProgress } = options
  signal?.throwIfAborted()
  const connection: PgConnection = {
    ...options.connection,
    database: options.connection?.database ?? 'postgres',
  }
  const startedAt = now()
  const backup = await findBackup({
    store,
    cluster: options.cluster,
    database: options.database,
    id: options.id ?? 'latest',
    signal,
  })
  const manifest = await readManifest({ store, backup, signal })
  requireDigests(manifest)
  const phases: PhaseTime[] = []
  const report = (parts: DrillParts): VerificationReport =>
    buildReport({ ...parts, options, manifest, phases, startedAt, finishedAt: now() })

  const abandoned = await removeAbandoned({ connection, env, signal })
  for (const name of abandoned)
    options.logger?.warn({ database: name }, 'dropped the scratch database of a dead drill')

  const damage = await timed(phases, 'check', () => findDamage(store, manifest, options))
  if (damage !== undefined) return report({ differences: [damage] })

  const scratch = await reserveScratchDatabase({ connection, env, signal, now: startedAt })
  try {
    const restored = await timed(phases, 'restore', () => restoreInto(scratch, manifest, options))
    const actual = await timed(phases, 'digest', () =>
      digestDatabase({
        connection: scratch.connection,
        encoding: manifest.server.encoding,
        pgDumpMajor: Number.parseInt(manifest.tools.pgDump, 10),
        env,
        signal,
        onProgress,
      }),
    )
    const compared = await timed(phases, 'compare', () =>
      compareContents({
        expected: manifest,
        actual: actual.contents,
        actualExtensions: actual.server.extensions,
        compareOwners: options.noOwner !== true,
        comparePrivileges: options.noPrivileges !== true,
      }),
    )
    await timed(phases, 'clean up', () => scratch.remove())
    const target = {
      serverVersion: actual.server.version,
      scratchDatabase: scratch.name,
      pgDump: actual.pgDump,
    }
    return report({ ...compared, target, restored })
  } catch (error) {
    await scratch.remove().catch((cleanUpError: unknown) => {
      options.logger?.error(
        { database: scratch.name, error: String(cleanUpError) },
        'the scratch database could not be dropped; the next drill will try again',
      )
    })
    throw signal?.aborted === true ? signal.reason : error
  }
}

function requireDigests(manifest: Manifest): void {
  if (manifest.digest !== null) return
  throw new RestoreVerifyError(
    'VERIFY_NOT_COMPARABLE',
    `backup ${manifest.id} of "${manifest.database}" was taken without digests, so nothing can be proven of its rows; take backups with digests on`,
  )
}

async function findDamage(
  store: ObjectStore,
  manifest: Manifest,
  options: VerifyRestoreOptions,
): Promise<Difference | undefined> {
  try {
    await checkBackup({ store, manifest, signal: options.signal, onProgress: options.onProgress })
    return undefined
  } catch (error) {
    if (!isBackupError(error) || error.code !== 'BACKUP_OBJECT_DAMAGED') throw error
    return { kind: 'objects', object: error.details.key ?? manifest.id, problem: error.message }
  }
}

function restoreInto(
  scratch: ScratchDatabase,
  manifest: Manifest,
  options: VerifyRestoreOptions,
): Promise<RestoreResult> {
  const { store, noOwner, noPrivileges, env, signal, onProgress } = options
  return restoreBackup({
    store,
    manifest,
    connection: scratch.connection,
    createDatabase: true,
    checkFirst: false,
    noOwner,
    noPrivileges,
    onProgress,
    env,
    signal,
  })
}

async function timed<T>(
  phases: PhaseTime[],
  phase: PhaseTime['phase'],
  work: () => T | Promise<T>,
): Promise<T> {
  const begun = performance.now()
  try {
    return await work()
  } finally {
    phases.push({ phase, durationMs: performance.now() - begun })
  }
}

interface DrillParts {
  readonly tables?: VerificationReport['tables']
  readonly differences: readonly Difference[]
  readonly target?: NonNullable<VerificationReport['target']>
  readonly restored?: RestoreResult
}

interface ReportFacts extends DrillParts {
  readonly options: VerifyRestoreOptions
  readonly manifest: Manifest
  readonly phases: readonly PhaseTime[]
  readonly startedAt: Date
  readonly finishedAt: Date
}

function buildReport(facts: ReportFacts): VerificationReport {
  const { options, manifest, startedAt, finishedAt, differences } = facts
  const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0)
  return {
    format: 'ops.verification/1',
    verdict: differences.length === 0 ? 'proven' : 'disproven',
    backup: {
      cluster: manifest.cluster,
      database: manifest.database,
      id: manifest.id,
      store: options.store.url,
      startedAt: manifest.startedAt,
      storedBytes: sum(manifest.objects.map((object) => object.storedBytes)),
      rawBytes: sum(manifest.objects.map((object) => object.rawBytes)),
      serverVersion: manifest.server.version,
      pgDump: manifest.tools.pgDump,
    },
    target: facts.target ?? null,
    startedAt: startedAt.toISOString(),
    finishedAt: finishedAt.toISOString(),
    durationMs: sum(facts.phases.map((phase) => phase.durationMs)),
    phases: facts.phases,
    totals: {
      tables: manifest.tables.length,
      rows: sum(manifest.tables.map((table) => table.rows)),
      bytes: sum(manifest.tables.map((table) => table.bytes)),
      sequences: manifest.sequences.length,
      largeObjects: manifest.largeObjects.count,
      schemaObjects: manifest.schemaObjects.length,
      extensions: manifest.extensions.length,
    },
    tables: facts.tables ?? [],
    differences,
    warnings: facts.restored?.warnings ?? [],
    notChecked: notChecked(facts),
  }
}

/** What a drill leaves out is said, so that "proven" never means more than it says. */
function notChecked({ options, target }: ReportFacts): string[] {
  if (target === undefined) return ['everything after the checksums: nothing was restored']
  return [
    "the database's own properties (ALTER DATABASE … SET, its grants and comment): the scratch database has another name",
    ...(options.noOwner === true ? ['owners: restored without them'] : []),
    ...(options.noPrivileges === true ? ['grants: restored without them'] : []),
  ]
}
