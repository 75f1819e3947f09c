import { execFile } from 'node:child_process'
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { VerificationReport } from '../src/report.ts'
import { temporaryStore, type TemporaryStore } from './harness.ts'

/**
 * The memory of a drill does not grow with the database. Measured on the built bin, as it is installed;
 * pg_dump and pg_restore are stand-ins that write and read as much as they are told.
 */
const MiB = 2 ** 20
const BACKUP_CLI = fileURLToPath(new URL('cli.js', import.meta.resolve('@ops/pg-backup')))
const CLI = join(import.meta.dirname, '../dist/cli.js')
const LIMIT_BYTES = 250 * MiB

const STAND_INS = {
  pg_dump: '../../pg-backup/test/fake-pg-dump.ts',
  pg_restore: 'fake-pg-restore.ts',
}

let server: Postgres
let place: TemporaryStore
let programs: string

beforeAll(async () => {
  ;[server, place] = await Promise.all([startPostgres(), temporaryStore()])
  programs = join(place.folder, 'bin')
  await mkdir(programs)
  await symlink(join(server.binFolder!, 'psql'), join(programs, 'psql'))
  for (const [name, program] of Object.entries(STAND_INS)) {
    const path = join(programs, name)
    await writeFile(
      path,
      `#!/bin/sh\nexec '${process.execPath}' '${fileURLToPath(new URL(program, import.meta.url))}' "$@"\n`,
    )
    await chmod(path, 0o755)
  }
})

afterAll(() => Promise.all([server?.stop(), place?.[Symbol.asyncDispose]()]))

function run(args: readonly string[], rowBytes: number): Promise<{ stdout: string }> {
  return promisify(execFile)(process.execPath, args, {
    maxBuffer: 2 ** 26,
    env: {
      PATH: process.env['PATH'],
      ...server.env('postgres'),
      OPS_PG_BIN: programs,
      OPS_FAKE_DUMP_BYTES: String(rowBytes),
      OPS_FAKE_DUMP_VERSION: `${Math.floor(server.version / 10_000)}.0`,
    },
  })
}

/** The report, and the largest resident set of the drill's own process. */
async function drill(
  store: string,
  rowBytes: number,
): Promise<{ report: VerificationReport; peakBytes: number }> {
  const peakFile = join(place.folder, 'peak')
  const writePeak = `import{writeFileSync}from'node:fs';process.on('exit',()=>writeFileSync('${peakFile}',String(process.resourceUsage().maxRSS)))`
  const { stdout } = await run(
    [
      '--import',
      `data:text/javascript,${encodeURIComponent(writePeak)}`,
      CLI,
      'run',
      '--json',
      `--store=${store}`,
      '--of=postgres',
      '--target=server',
      '--allow-source-cluster',
      '--skip=amcheck',
      '--no-record',
    ],
    rowBytes,
  )
  return {
    report: JSON.parse(stdout) as VerificationReport,
    peakBytes: Number(await readFile(peakFile, 'utf8')) * 1024,
  }
}

describe('a drill stays under 250 MiB', () => {
  it.each([
    ['50 MB', 50e6],
    ['5 GB', 5e9],
  ])('for a backup of %s', async (_size, rowBytes) => {
    await using backups = await temporaryStore()
    const store = `file://${backups.folder}`
    await run([BACKUP_CLI, 'create', '--quiet', `--store=${store}`], rowBytes)
    const { report, peakBytes } = await drill(store, rowBytes)
    process.stdout.write(
      `peak: ${Math.round(peakBytes / MiB)} MiB for an archive of ${Math.round(report.backup.rawBytes / MiB)} MiB\n`,
    )
    expect(report).toMatchObject({ verdict: 'proven', tables: [{ name: 'orders', verdict: 'equal' }] })
    expect(report.backup.rawBytes).toBeGreaterThan(rowBytes)
    expect(peakBytes).toBeLessThan(LIMIT_BYTES)
  })
})
