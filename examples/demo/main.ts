import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import {
  createProgressLine,
  formatBytes,
  formatCount,
  formatDuration,
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

async function main(): Promise<void> {
  const { serve, port } = readArguments()
  const signal = stopSignal()
  const folder = await mkdtemp(join(tmpdir(), 'ops-demo-'))
  try {
    say('Starting a throw-away PostgreSQL and filling it with a shop’s data …')
    await using server = await startPostgres()
    await server.createDatabase('shop')
    await server.query(SHOP_SQL, 'shop')
    signal.throwIfAborted()

    const store = fileStore({ folder })
    await using page = serve ? await openStatusPage(store, port) : undefined
    if (page !== undefined) say(`Status page  ${page.url}`)
    const backup = await backUp(store, connectionTo(server, 'shop'), signal, page)
    const report = await drill(store, signal, page)
    await writeFile(REPORT, renderHtml(report))
    say(summary(backup, report))
    if (report.verdict !== 'proven') process.exitCode = 1
    if (page === undefined) return
    say(`  The status page stays at ${page.url} until Ctrl-C.`)
    await aborted(signal)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
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
  const { values } = parseArgs({ options: { serve: { type: 'boolean' }, port: { type: 'string' } } })
  const port = Number(values.port ?? 0)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port ${values.port} is not a port; leave it out for a free one`)
  return { serve: values.serve ?? false, port }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function stopSignal(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => controller.abort(new Error(`stopped by ${name}`)))
  return controller.signal
}

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

main().catch((error: unknown) => {
  say(`The demo failed: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
})
