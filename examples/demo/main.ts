import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import {
  createProgressLine,
  EXIT,
  formatBytes,
  formatCount,
  formatDuration,
  UsageError,
  type ProgressLine,
} from '@ops/internal-cli'
import { fileStore } from '@ops/object-store'
import { createBackup, type BackupResult, type PgConnection } from '@ops/pg-backup'
import { renderHtml, verifyRestore, type VerificationReport } from '@ops/restore-verify'
import { startPostgres, type Postgres } from '@ops/testbed'
import { openStatusPage, type StatusPage } from './serve.ts'
import { SHOP_SQL } from './shop.ts'

/**
 * The main job, on a PostgreSQL server of its own: a shop's database is backed up into a folder,
 * restored into a PostgreSQL server that exists for that alone, and proven equal. All that stays is the report.
 * With `--serve [--port 8080]` it is also shown live on a status page, until Ctrl-C.
 */
const REPORT = resolve(import.meta.dirname, '../../demo-report.html')

async function main(signal: AbortSignal): Promise<void> {
  const { serve, port } = readArguments()
  const folder = await mkdtemp(join(tmpdir(), 'ops-demo-'))
  try {
    say('Starting a throw-away PostgreSQL and filling it with a shop’s data …')
    await using server = await startPostgres()
    await orStopped(fill(server), signal)

    const store = fileStore({ folder })
    await using page = serve ? await openStatusPage(store, port) : undefined
    if (page !== undefined) say(`Status page  ${page.url}`)
    const backup = await backUp(store, connectionTo(server, 'shop'), signal, page)
    const report = await drill(store, signal, page)
    await writeFile(REPORT, renderHtml(report))
    say(summary(backup, report))
    if (page !== undefined) {
      say(`  The status page stays at ${page.url} until Ctrl-C.`)
      await aborted(signal)
    }
    process.exitCode = report.verdict === 'proven' ? EXIT.done : EXIT.failed
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function fill(server: Postgres): Promise<void> {
  await server.createDatabase('shop')
  await server.query(SHOP_SQL, 'shop')
}

function backUp(
  store: ReturnType<typeof fileStore>,
  connection: PgConnection,
  signal: AbortSignal,
  page: StatusPage | undefined,
): Promise<BackupResult> {
  const job = page?.begin('backup')
  return withProgress((show) =>
    createBackup({
      store,
      connection,
      signal,
      onProgress: (progress) => {
        if (progress.phase !== 'dump') return
        const { rows, rawBytes, storedBytes, table } = progress
        job?.update({ phase: 'dump', bytesDone: rawBytes, rows, detail: table?.name })
        const details = [`${formatCount(rows)} rows`, `${formatBytes(storedBytes)} stored`, table?.name ?? '']
        show({ doing: 'backing up', done: rawBytes, details })
      },
    }),
  ).finally(() => job?.end())
}

function drill(
  store: ReturnType<typeof fileStore>,
  signal: AbortSignal,
  page: StatusPage | undefined,
): Promise<VerificationReport> {
  const job = page?.begin('drill')
  return withProgress((show) =>
    verifyRestore({
      store,
      database: 'shop',
      signal,
      onProgress: ({ phase, bytes, total, rows }) => {
        job?.update({ phase, bytesDone: bytes, bytesTotal: total, rows })
        const details = [phase, ...(rows === undefined ? [] : [`${formatCount(rows)} rows`])]
        show({ doing: 'proving it', done: bytes, total, details })
      },
    }),
  ).finally(() => job?.end())
}

async function withProgress<T>(work: (show: ProgressLine['update']) => Promise<T>): Promise<T> {
  const line = createProgressLine()
  try {
    return await work((progress) => line.update(progress))
  } finally {
    line.clear()
  }
}

function summary(backup: BackupResult, report: VerificationReport): string {
  const { totals, phases, verdict, differences } = report
  const took = (phase: string): string =>
    formatDuration(phases.find((each) => each.phase === phase)?.durationMs ?? 0)
  const [dump] = backup.manifest.objects
  return `
  Backed up   ${formatCount(totals.rows)} rows in ${totals.tables} tables, ${formatBytes(dump!.rawBytes)} stored as ${formatBytes(dump!.storedBytes)}, in ${formatDuration(backup.durationMs)}
  Restored    into an ephemeral server in ${took('restore')}, digested again in ${took('digest')}
  ${verdict === 'proven' ? 'Proven' : 'DISPROVEN'}      ${
    verdict === 'proven'
      ? `every row and all ${formatCount(totals.schemaObjects)} schema objects came back as they were`
      : `${differences.length} differences`
  }
  Report      ${REPORT}
`
}

function connectionTo({ host, port, user, password }: Postgres, database: string): PgConnection {
  return { host, port, user, password, database }
}

function readArguments(): { serve: boolean; port: number } {
  const { values } = parseKnown()
  const port = Number(values.port ?? 0)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new UsageError(`--port ${values.port} is not a port; leave it out for a free one`)
  return { serve: values.serve ?? false, port }
}

function parseKnown(): { values: { serve?: boolean; port?: string } } {
  try {
    return parseArgs({ options: { serve: { type: 'boolean' }, port: { type: 'string' } } })
  } catch (error) {
    throw new UsageError(`${(error as Error).message}; usage: npm run demo [-- --serve [--port 8080]]`)
  }
}

/** Waits no longer than the signal lets it: what is still done then ends with its server. */
async function orStopped(work: Promise<void>, signal: AbortSignal): Promise<void> {
  await Promise.race([work, aborted(signal)])
  signal.throwIfAborted()
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** A second signal of the same kind ends the process at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => {
      process.exitCode = 128 + constants.signals[name]
      controller.abort(new Error(`stopped by ${name}`))
    })
  }
  return controller.signal
}

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

// A terminal that was closed must not end the demo before it has cleaned up.
process.stderr.on('error', () => undefined)
const signal = stopSignal()
main(signal).catch((error: unknown) => {
  // Ctrl-C reaches initdb and pg_dump too, and what they then say is no fault of theirs.
  if (signal.aborted) return say('The demo was stopped.')
  say(`The demo failed: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed
})
