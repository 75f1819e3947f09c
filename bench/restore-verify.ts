import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { fileStore } from '@ops/object-store'
import { createBackup, findPostgresProgram, openBackup, type Manifest } from '@ops/pg-backup'
import { startPostgres, type Postgres } from '@ops/testbed'
import { fillShop } from './backup/shop-data.ts'
import { alternate, judge, seconds, type BenchCase } from './harness/compare.ts'
import { progress } from './harness/progress.ts'

export const name = 'restore-verify'

const DEFAULT_BYTES = 1.1e9
const MIB = 1024 * 1024
const MOST_MIB = 250
const WORKER = join(import.meta.dirname, 'restore-verify', 'drill-once.ts')

/** `OPS_BENCH_BYTES` sets how much there is to restore; the targets are meant for 1 GB and more. */
export async function* cases(): AsyncGenerator<BenchCase> {
  const bytes = Number(process.env['OPS_BENCH_BYTES'] ?? DEFAULT_BYTES)
  const folder = await mkdtemp(join(tmpdir(), 'ops-bench-'))
  try {
    await using target = await startPostgres()
    const store = fileStore({ folder })
    const manifest = await backUp(store, bytes)
    const url = pathToFileURL(folder).href
    const pairs = await alternate({
      case: 'time of a drill',
      warmups: 0,
      ours: () => drill(target, url),
      peer: () => seconds(() => restoreAlone(target, store, manifest)),
    })
    yield judge({
      pairs,
      ours: (run) => run.seconds,
      peer: (took) => took,
      case: 'time of a drill, on the same server',
      unit: 's',
      peerName: 'pg_restore alone',
      target: 1 / 1.5,
    })
    yield judge({
      pairs,
      ours: (run) => run.peakBytes / MIB,
      peer: () => MOST_MIB,
      case: 'memory of a drill',
      unit: 'MiB',
      peerName: 'the most allowed',
      target: 1,
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function backUp(store: ReturnType<typeof fileStore>, bytes: number): Promise<Manifest> {
  await using source = await startPostgres()
  progress(`filling a database with ${Math.round(bytes / 1e6)} MB of rows, and backing it up`)
  await fillShop(source, 'shop', bytes)
  const { host, port, user, password } = source
  const { manifest } = await createBackup({
    store,
    connection: { host, port, user, password, database: 'shop' },
  })
  return manifest
}

interface Run {
  readonly seconds: number
  readonly peakBytes: number
}

/** From the start of the process to its end. */
async function drill(target: Postgres, store: string): Promise<Run> {
  let output = { stdout: '', stderr: '' }
  const took = await seconds(async () => {
    const env = { ...process.env, ...target.env('postgres') }
    output = await promisify(execFile)(process.execPath, [WORKER, store], { env })
  })
  process.stderr.write(output.stderr)
  const { peakBytes }: Pick<Run, 'peakBytes'> = JSON.parse(output.stdout)
  return { seconds: took, peakBytes }
}

/** The same archive, decompressed the same way, into a new database of the same server. */
async function restoreAlone(
  target: Postgres,
  store: ReturnType<typeof fileStore>,
  manifest: Manifest,
): Promise<void> {
  const { path } = await findPostgresProgram('pg_restore', { serverMajor: manifest.server.major })
  await target.createDatabase('alone')
  try {
    const restore = spawn(path, ['--exit-on-error', '--dbname=alone'], {
      env: { ...process.env, ...target.env('alone') },
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    const exited = once(restore, 'exit')
    ;(await openBackup({ store, manifest })).pipe(restore.stdin)
    const [code] = await exited
    if (code !== 0) throw new Error(`pg_restore ended with exit code ${code}`)
  } finally {
    await target.query('DROP DATABASE alone')
  }
}
