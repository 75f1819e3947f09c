import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isProgramError } from '@ops/internal-subprocess'
import type { ObjectStore } from '@ops/object-store'
import {
  BackupError,
  backupFolder,
  digestDatabase,
  findBackup,
  isBackupError,
  openTableOfContents,
  readManifest,
  type BackupKeys,
  type BackupRef,
  type Logger,
  type Manifest,
  type PgConnection,
  type RestoreResult,
} from '@ops/pg-backup'
import { isArchiveError, readTableOfContents, type TocEntry } from '@ops/pg-backup/archive'
import { buildReport } from './build-report.ts'
import { checkAmcheck } from './checks/amcheck.ts'
import { checkAssertions, type Assertion } from './checks/assertions.ts'
import { createCheckRun, type CheckRun } from './checks/check-run.ts'
import { checkChecksums } from './checks/checksums.ts'
import { checkCollations } from './checks/collations.ts'
import { checkDuration } from './checks/duration.ts'
import { checkExtensions } from './checks/extensions.ts'
import { checkFreshness } from './checks/freshness.ts'
import { checkLargeObjects } from './checks/large-objects.ts'
import { checkRestore } from './checks/restore.ts'
import { compareTables, tableDifferences } from './checks/rows.ts'
import { compareSchema, withDefinitions } from './checks/schema.ts'
import { checkSequences } from './checks/sequences.ts'
import { checkValidity } from './checks/validity.ts'
import { withinDiskLimit } from './disk-limit.ts'
import { restWithout, type Rest } from './left-out.ts'
import { prepareTarget, type AdaptOptions } from './prepare-target.ts'
import { readStored } from './read-stored.ts'
import { recordDrill } from './record.ts'
import type { CheckName, PhaseTime, TableVerdict, VerificationReport } from './report.ts'
import { RestoreVerifyError } from './restore-verify-error.ts'
import {
  archiveSchema,
  databaseSchema,
  definitionsOf,
  noSchemaFacts,
  schemaFacts,
  type SchemaFacts,
} from './schema-script.ts'
import { openStaging, type Staging } from './staging.ts'
import { openTarget, type Target, type TargetOptions } from './targets/target.ts'

/** How far a drill is. */
export type VerifyProgress = {
  readonly phase: PhaseTime['phase']
  /** Bytes done in this phase, where it is a matter of bytes. */
  readonly bytes?: number
  readonly total?: number
  readonly rows?: number
}

/** Options of {@link verifyRestore}. */
export interface VerifyRestoreOptions extends AdaptOptions, BackupKeys {
  /** Where the backups are. */
  readonly store: ObjectStore
  /** @default 'main' */
  readonly cluster?: string
  /** The database that was backed up. */
  readonly database: string
  /** An id. @default 'latest' */
  readonly id?: string
  /** Where to restore to. @default { kind: 'local' } */
  readonly target?: TargetOptions
  /** How many tables and indexes `pg_restore` works on at a time. @default 1 */
  readonly jobs?: number
  /** Where a backup in directory layout, or any with several jobs, is unpacked. @default the system's temporary folder */
  readonly stagingFolder?: string
  /** Checks that are not to be made; the report says so. `restore` cannot be left out. @default none */
  readonly skip?: readonly CheckName[]
  /** What must hold in the restored database. @default none */
  readonly assertions?: readonly Assertion[]
  /** The RPO: the backup may be this old when the drill begins. @default no limit */
  readonly maxAgeMs?: number
  /** The RTO: restoring, with the start of an ephemeral server, may take this long. @default no limit */
  readonly maxRecoveryMs?: number
  /**
   * Extensions that are left out, with everything that needs them: for a target that lacks them. The
   * report names what was left out, and nothing of it is proven. @default none
   */
  readonly withoutExtensions?: readonly string[]
  /** Restore without owners; they are then not compared, and the report says so. @default false */
  readonly noOwner?: boolean
  /** Restore without GRANTs; they are then not compared, and the report says so. @default false */
  readonly noPrivileges?: boolean
  /** Connections that `pg_amcheck` checks with at a time. @default 2 */
  readonly amcheckJobs?: number
  /** Leave the result beside the backup, as `verification.json` and `verification-report.json`. @default true */
  readonly record?: boolean
  /** Told how far it is. */
  readonly onProgress?: (progress: VerifyProgress) => void
  /** @default silent */
  readonly logger?: Logger
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv
  /** @default () => new Date() */
  readonly now?: () => Date
}

/**
 * Proves that a backup restores: its checksums are compared, it is restored into a scratch database,
 * that database is dumped into nothing and digested exactly as the backup was, and every table,
 * sequence, large object, schema object and extension is compared with the manifest; then the
 * database itself is looked over. Whatever happens, nothing stays on the target; what a killed drill
 * left there is removed by the next one.
 *
 * A damaged or incomplete backup is a result (`verdict: 'disproven'`); one that is deleted during the drill
 * rejects with `BACKUP_NOT_FOUND`. A drill that could not be run rejects with `RestoreVerifyError` or
 * `BackupError` or, when aborted, with `signal.reason`.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { verifyRestore } from '@ops/restore-verify'
 *
 * const report = await verifyRestore({
 *   store: fileStore({ folder: '/backups' }),
 *   database: 'app',
 *   target: { kind: 'local' },
 *   assertions: [{ name: 'there are orders', sql: 'SELECT count(*) > 0 FROM orders' }],
 *   maxRecoveryMs: 30 * 60_000,
 * })
 * console.log(report.verdict)
 * process.exitCode = report.verdict === 'proven' ? 0 : 3
 * ```
 */
export async function verifyRestore(options: VerifyRestoreOptions): Promise<VerificationReport> {
  const { store, cluster, database, id = 'latest', signal } = options
  signal?.throwIfAborted()
  requireSense(options)
  const backup = await findBackup({ store, cluster, database, id, signal })
  const drill = await beginDrill(options, backup)
  const report = await runDrill(drill)
  await requireStillThere(store, backup, signal)
  if (options.record !== false) await recordDrill(store, report, signal)
  return report
}

/** What is missing of a backup that was deleted meanwhile disproves nothing, and a record would be all that is left of it. */
async function requireStillThere(
  store: ObjectStore,
  backup: BackupRef,
  signal: AbortSignal | undefined,
): Promise<void> {
  if ((await store.head(`${backupFolder(backup)}manifest.json`, { signal })) !== undefined) return
  throw new BackupError(
    'BACKUP_NOT_FOUND',
    `backup ${backup.id} of "${backup.database}" was deleted while it was drilled, so nothing is said of it; drill another`,
  )
}

/** Everything that the steps of one drill share. */
interface Drill {
  readonly options: VerifyRestoreOptions
  readonly manifest: Manifest
  readonly manifestSha256: string
  readonly checks: CheckRun
  readonly phases: PhaseTime[]
  readonly env: NodeJS.ProcessEnv
  readonly now: () => Date
  readonly startedAt: Date
}

async function beginDrill(options: VerifyRestoreOptions, backup: BackupRef): Promise<Drill> {
  const { store, env = process.env, signal, now = () => new Date() } = options
  const startedAt = now()
  const manifest = await readManifest({ store, backup, signal })
  const text = await readStored(store, `${backupFolder(backup)}manifest.json`, signal)
  const checks = createCheckRun(new Set(options.skip))
  if (manifest.digest === null && checks.isOn('rows')) {
    throw new RestoreVerifyError(
      'VERIFY_NOT_COMPARABLE',
      `backup ${manifest.id} of "${manifest.database}" was taken without digests, so nothing can be proven of its rows; take backups with digests on, or leave the check out (--skip rows)`,
    )
  }
  const manifestSha256 = createHash('sha256')
    .update(text ?? '')
    .digest('hex')
  return { options, manifest, manifestSha256, checks, phases: [], env, now, startedAt }
}

async function runDrill(drill: Drill): Promise<VerificationReport> {
  const { options, manifest, checks, env, startedAt } = drill
  const { store, signal, onProgress } = options
  const ageMs = Math.max(0, startedAt.getTime() - Date.parse(manifest.startedAt))
  await checks.make('freshness', () => checkFreshness(ageMs, options.maxAgeMs))
  const isWhole = await timed(drill, 'check', () =>
    checks.make('checksums', () => checkChecksums({ store, manifest, signal, onProgress })),
  )
  if (!isWhole)
    return buildReport(drill, { ageMs, stoppedBy: 'the backup is damaged, so nothing was restored' })

  const opened = performance.now()
  await using staging = await timed(drill, 'start', () => stagingOf(drill))
  const target = await timed(drill, 'start', () => openTargetOf(drill))
  try {
    const parts = await withinDiskLimit(target, { env, signal }, (within) =>
      restoreAndCompare(drill, { target, stagingFolder: staging?.folder, opened, signal: within }),
    )
    await timed(drill, 'clean up', () => target.close())
    return buildReport(drill, { ageMs, ...parts })
  } catch (error) {
    await target.close().catch((cleanUpError: unknown) => {
      options.logger?.error(
        { database: target.database, error: String(cleanUpError) },
        'the drill could not clean up; the next one will try again',
      )
    })
    throw signal?.aborted === true ? signal.reason : error
  }
}

function openTargetOf({ options, manifest, env, now }: Drill): Promise<Target> {
  const { target = { kind: 'local' }, signal, logger } = options
  return openTarget(target, { manifest, env, now: now(), signal, logger })
}

/** A backup in directory layout, several jobs and a list of what to restore take a folder. */
async function stagingOf({ options, manifest, now }: Drill): Promise<Staging | undefined> {
  const { jobs = 1, withoutExtensions = [], stagingFolder: parent, logger } = options
  if (manifest.layout !== 'directory' && jobs === 1 && withoutExtensions.length === 0) return undefined
  return openStaging({ parent, now: now(), logger })
}

/** Where a drill takes place. */
interface Stage {
  readonly target: Target
  /** Its own, if it has one. */
  readonly stagingFolder: string | undefined
  /** When the target began to be opened, on the clock of `performance`. */
  readonly opened: number
  readonly signal: AbortSignal | undefined
}

interface RestoredParts {
  /** Of what was restored. */
  readonly manifest: Manifest
  readonly restored?: RestoreResult
  readonly recoveryMs?: number
  readonly target?: VerificationReport['target']
  readonly tables?: readonly TableVerdict[]
  readonly adaptations: readonly string[]
  readonly leftOut: readonly string[]
  readonly stoppedBy?: string
}

async function restoreAndCompare(drill: Drill, stage: Stage): Promise<RestoredParts> {
  const { target, stagingFolder, opened, signal } = stage
  const { options, checks, env } = drill
  const { store, noOwner = false, noPrivileges = false, onProgress } = options
  const connection = { ...target.connection, database: target.database }
  const { manifest, leftOut, listFile } = await timed(drill, 'start', () => restOf(drill, stage))
  const facts = await timed(drill, 'start', () => factsOf(drill, stage))
  const { adaptations, noTablespaces } = await timed(drill, 'start', () =>
    prepareTarget({
      ...options,
      target,
      manifest,
      needs: facts,
      skipOwners: noOwner,
      skipGrants: noPrivileges,
      env,
      signal,
    }),
  )
  let restored: RestoreResult | undefined
  const restoring = {
    store,
    manifest: drill.manifest,
    connection,
    ...keysOf(options),
    jobs: options.jobs,
    stagingFolder,
    listFile,
    allowNonEmpty: true,
    checkFirst: false,
    noOwner,
    noPrivileges,
    noTablespaces,
  }
  const cameBack = await timed(drill, 'restore', () =>
    checks.make('restore', () =>
      checkRestore(
        {
          ...restoring,
          onProgress: (progress) => onProgress?.({ ...progress, phase: 'restore' }),
          env,
          signal,
        },
        (result) => {
          restored = result
        },
      ),
    ),
  )
  if (!cameBack) return { manifest, adaptations, leftOut, stoppedBy: 'the restore failed' }
  const recoveryMs = performance.now() - opened
  await checks.make('duration', () => checkDuration(recoveryMs, options.maxRecoveryMs))

  const pgDumpMajor = Number.parseInt(manifest.tools.pgDump, 10)
  const actual = await timed(drill, 'digest', () => digestAndCheck(drill, connection, pgDumpMajor, signal))
  const tables = compareTables(manifest.tables, actual.contents.tables)
  await timed(drill, 'compare', async () => {
    const { contents, server } = actual
    await checks.make('rows', () => ({ differences: tableDifferences(tables) }))
    await checks.make('schema', async () => {
      const wanted = { compareOwners: !noOwner, comparePrivileges: !noPrivileges }
      const found = compareSchema(manifest.schemaObjects, contents.objects, wanted)
      return {
        differences: await withDefinitions(found, wanted, {
          archive: (names) => definitionsOf(archiveOf(drill, stage), names),
          archiveEntries: () => archiveEntries(drill, signal),
          restoredEntries: contents.entries,
          restored: (names) => definitionsOf(databaseSchema({ connection, pgDumpMajor, env, signal }), names),
        }),
      }
    })
    await checks.make('sequences', () => checkSequences(manifest.sequences, contents.sequences))
    await checks.make('large-objects', () => checkLargeObjects(manifest.largeObjects, contents.largeObjects))
    await checks.make('extensions', () => checkExtensions(manifest.extensions, server.extensions))
  })
  await timed(drill, 'inspect', async () => {
    const psql = { connection, env, signal }
    await checks.make('validity', () => checkValidity(facts.notValidated, psql))
    await checks.make('collations', () => checkCollations(psql))
    await checks.make('assertions', () => checkAssertions(options.assertions ?? [], manifest.startedAt, psql))
  })
  return {
    manifest,
    leftOut,
    restored,
    recoveryMs,
    tables: checks.isOn('rows') ? tables : [],
    adaptations,
    target: {
      kind: target.kind,
      serverVersion: actual.server.version,
      database: target.database,
      pgDump: actual.pgDump,
      pgRestore: restored!.pgRestore,
    },
  }
}

function keysOf({ identities, passphrase }: VerifyRestoreOptions): BackupKeys {
  return { identities, passphrase }
}

/**
 * Digests what came back; pg_amcheck runs beside it. Its extension is made only when the dump has begun to
 * write, and so has its snapshot and has read the catalogs.
 */
async function digestAndCheck(
  { options, manifest, checks, env }: Drill,
  connection: PgConnection & { readonly database: string },
  pgDumpMajor: number,
  signal: AbortSignal | undefined,
): Promise<Awaited<ReturnType<typeof digestDatabase>>> {
  const dumping = Promise.withResolvers<void>()
  const digest = digestDatabase({
    connection,
    encoding: manifest.server.encoding,
    pgDumpMajor,
    env,
    signal,
    onProgress: (progress) => {
      dumping.resolve()
      options.onProgress?.(progress)
    },
  })
  const begun = Promise.race([dumping.promise, digest])
  const { amcheckJobs: jobs = 2 } = options
  const { major: serverMajor } = manifest.server
  const amcheck = begun.then(() =>
    checks.make('amcheck', () => checkAmcheck({ connection, serverMajor, jobs, env, signal })),
  )
  await Promise.allSettled([digest, amcheck])
  await amcheck
  return digest
}

function archiveOf(
  { options, manifest, env }: Drill,
  { stagingFolder, signal }: Stage,
): ReturnType<typeof archiveSchema> {
  const { store } = options
  return archiveSchema({ ...keysOf(options), store, stagingFolder, manifest, env, signal })
}

/** An archive that cannot even be read this far is restored all the same, which says what is wrong with it. */
async function ifReadable<T>({ signal }: Stage, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    const isUnreadable =
      isProgramError(error) ||
      isArchiveError(error) ||
      (isBackupError(error) && error.code === 'BACKUP_OBJECT_DAMAGED')
    if (!isUnreadable || signal?.aborted === true) throw error
    return undefined
  }
}

async function factsOf(drill: Drill, stage: Stage): Promise<SchemaFacts> {
  return (await ifReadable(stage, () => schemaFacts(archiveOf(drill, stage)))) ?? noSchemaFacts()
}

async function archiveEntries(
  { options, manifest }: Drill,
  signal: AbortSignal | undefined,
): Promise<TocEntry[]> {
  const opened = { ...keysOf(options), store: options.store, manifest, signal }
  return readTableOfContents(await openTableOfContents(opened), manifest.layout)
}

/** The backup without the extensions that are left out. */
async function restOf(
  drill: Drill,
  stage: Stage,
): Promise<Pick<Rest, 'manifest' | 'leftOut'> & { readonly listFile?: string }> {
  const { options, manifest } = drill
  const { withoutExtensions = [] } = options
  const { stagingFolder, signal } = stage
  if (withoutExtensions.length === 0) return { manifest, leftOut: [] }
  const entries = await ifReadable(stage, () => archiveEntries(drill, signal))
  if (entries === undefined) {
    const extensions = manifest.extensions.filter(({ name }) => !withoutExtensions.includes(name))
    return { manifest: { ...manifest, extensions }, leftOut: [] }
  }
  const { list, ...rest } = restWithout(withoutExtensions, entries, manifest)
  const listFile = join(stagingFolder!, 'restore.list')
  await writeFile(listFile, list, { mode: 0o600 })
  return { ...rest, listFile }
}

/** Adds the time to the phase, which may come in several pieces. */
async function timed<T>(
  { phases, options }: Drill,
  phase: PhaseTime['phase'],
  work: () => Promise<T>,
): Promise<T> {
  const begun = performance.now()
  options.onProgress?.({ phase })
  try {
    return await work()
  } finally {
    const durationMs = performance.now() - begun
    const last = phases.at(-1)
    if (last?.phase === phase) phases[phases.length - 1] = { phase, durationMs: last.durationMs + durationMs }
    else phases.push({ phase, durationMs })
  }
}

function requireSense({ skip = [], maxAgeMs, maxRecoveryMs, assertions = [] }: VerifyRestoreOptions): void {
  const refuse = (why: string): never => {
    throw new RestoreVerifyError('VERIFY_BAD_OPTIONS', why)
  }
  if (skip.includes('restore'))
    refuse(
      'a drill without the check "restore" is none; use checkBackup of @ops/pg-backup to compare checksums',
    )
  for (const [name, value] of Object.entries({ maxAgeMs, maxRecoveryMs })) {
    if (value !== undefined && !(value > 0)) refuse(`${name} is ${value}; it must be more than 0`)
  }
  for (const { name, sql } of assertions) {
    if (name === '' || sql.trim() === '') refuse('an assertion needs a name and an SQL query')
  }
}
