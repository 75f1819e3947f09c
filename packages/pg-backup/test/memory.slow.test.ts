import { execFile } from 'node:child_process'
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BackupResult } from '../src/create-backup.ts'
import { temporaryFolder, type TemporaryFolder } from './harness.ts'
import { startS3Sink } from './s3-sink.ts'

/** The memory of a backup does not grow with the database. Measured on the built bin, as it is installed. */
const MiB = 2 ** 20
const CLI = join(import.meta.dirname, '../dist/cli.js')
const LIMIT_BYTES = 200 * MiB

let server: Postgres
let folder: TemporaryFolder
let programs: string

beforeAll(async () => {
  ;[server, folder] = await Promise.all([startPostgres(), temporaryFolder()])
  programs = join(folder.path, 'bin')
  await mkdir(programs)
  await symlink(join(server.binFolder!, 'psql'), join(programs, 'psql'))
  const pgDump = join(programs, 'pg_dump')
  await writeFile(
    pgDump,
    `#!/bin/sh\nexec '${process.execPath}' '${fileURLToPath(new URL('fake-pg-dump.ts', import.meta.url))}' "$@"\n`,
  )
  await chmod(pgDump, 0o755)
})

afterAll(() => Promise.all([server?.stop(), folder?.[Symbol.asyncDispose]()]))

interface Measured {
  readonly result: BackupResult
  /** The largest resident set of the backup's own process. */
  readonly peakBytes: number
}

async function backUp(rowBytes: number, store: string): Promise<Measured> {
  const peakFile = join(folder.path, 'peak')
  const writePeak = `import{writeFileSync}from'node:fs';process.on('exit',()=>writeFileSync('${peakFile}',String(process.resourceUsage().maxRSS)))`
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      '--import',
      `data:text/javascript,${encodeURIComponent(writePeak)}`,
      CLI,
      'create',
      '--json',
      '--quiet',
      '--store',
      store,
    ],
    {
      env: {
        PATH: process.env['PATH'],
        ...server.env(),
        OPS_PG_BIN: programs,
        OPS_FAKE_DUMP_BYTES: String(rowBytes),
        OPS_FAKE_DUMP_VERSION: `${Math.floor(server.version / 10_000)}.0`,
        AWS_ACCESS_KEY_ID: 'sink',
        AWS_SECRET_ACCESS_KEY: 'sink',
      },
    },
  )
  return {
    result: JSON.parse(stdout) as BackupResult,
    peakBytes: Number(await readFile(peakFile, 'utf8')) * 1024,
  }
}

function expectWithin({ result, peakBytes }: Measured, rowBytes: number, where: string): void {
  const [dump] = result.manifest.objects
  const inMiB = (bytes: number): string => `${Math.round(bytes / MiB)} MiB`
  process.stdout.write(
    `peak into ${where}: ${inMiB(peakBytes)} for an archive of ${inMiB(dump!.rawBytes)}, stored as ${inMiB(dump!.storedBytes)}\n`,
  )
  expect(dump!.rawBytes).toBeGreaterThan(rowBytes)
  expect(peakBytes).toBeLessThan(LIMIT_BYTES)
}

describe.each([
  ['50 MB', 50e6],
  ['5 GB', 5e9],
])('a backup of %s stays under 200 MiB', (_size, rowBytes) => {
  it('into a folder', async () => {
    await using target = await temporaryFolder()
    const measured = await backUp(rowBytes, `file://${target.path}`)
    expectWithin(measured, rowBytes, 'a folder')
    expect(measured.result.manifest.tables).toMatchObject([{ name: 'orders' }])
  })

  it('into S3', async () => {
    await using sink = await startS3Sink()
    const measured = await backUp(rowBytes, `s3://bucket?endpoint=${encodeURIComponent(sink.endpoint)}`)
    expectWithin(measured, rowBytes, 'S3')
    expect([...sink.objects.keys()].filter((path) => path.endsWith('/dump.pgc.zst'))).toHaveLength(1)
  })
})
