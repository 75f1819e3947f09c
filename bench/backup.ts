import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Upload } from '@aws-sdk/lib-storage'
import { findPostgresProgram } from '@ops/pg-backup'
import { dockerAvailable, startPostgres, startS3, type S3Server } from '@ops/testbed'
import { overSocket } from './backup/over-socket.ts'
import { fillShop } from './backup/shop-data.ts'
import { alternate, compare, judge, seconds, type BenchCase } from './harness/compare.ts'
import { progress } from './harness/progress.ts'

export const name = 'backup'

const DEFAULT_BYTES = 1.1e9
const MIB = 1024 * 1024
const WORKER = join(import.meta.dirname, 'backup', 'back-up-once.ts')

/** What one backup took. */
interface Run {
  readonly seconds: number
  readonly storedBytes: number
  /** Most memory of our process; `pg_dump` has its own. */
  readonly peakBytes: number
}

/** A database, and the programs and variables to reach it. */
interface Source {
  readonly pgDump: string
  readonly env: NodeJS.ProcessEnv
}

/** `OPS_BENCH_BYTES` sets how much there is to back up; the targets are meant for 1 GB and more. */
export async function* cases(): AsyncGenerator<BenchCase> {
  const bytes = Number(process.env['OPS_BENCH_BYTES'] ?? DEFAULT_BYTES)
  const folder = await mkdtemp(join(tmpdir(), 'ops-bench-'))
  try {
    await using server = await startPostgres()
    progress(`filling a database with ${Math.round(bytes / 1e6)} MB of rows`)
    await fillShop(server, 'shop', bytes)
    const { path } = await findPostgresProgram('pg_dump', {
      serverMajor: Math.floor(server.version / 10_000),
    })
    const source = { pgDump: path, env: { ...process.env, ...overSocket(server) } }
    yield* toFolder(source, folder)
    yield await againstTheFloor(source, folder)
    yield await digestsOnAndOff(source, folder)
    yield await toS3(source)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function* toFolder(source: Source, folder: string): AsyncGenerator<BenchCase> {
  const peerFile = join(folder, 'peer.dump')
  const pairs = await alternate({
    case: 'time to a folder',
    warmups: 0,
    ours: () => backUpToFolder(source, folder),
    peer: async () => ({
      seconds: await seconds(() => run(source.pgDump, ['-Fc', '-f', peerFile], source.env)),
      storedBytes: (await stat(peerFile)).size,
    }),
  })
  const peerName = 'pg_dump -Fc to the same folder'
  const ofBoth = <T>(pick: (of: { seconds: number; storedBytes: number }) => T) => ({
    pairs,
    ours: pick,
    peer: pick,
  })
  yield judge({ ...ofBoth((of) => of.seconds), case: 'time to a folder', unit: 's', peerName, target: 4 })
  yield judge({ ...ofBoth((of) => of.storedBytes / 1e6), case: 'size', unit: 'MB', peerName, target: 1 })
  yield judge({
    pairs,
    ours: ({ peakBytes }) => peakBytes / MIB,
    peer: () => 200,
    case: 'memory',
    unit: 'MiB',
    peerName: 'the most allowed',
    target: 1,
  })
}

function againstTheFloor(source: Source, folder: string): Promise<BenchCase> {
  return compare({
    case: 'time over the floor',
    unit: 's',
    peerName: 'pg_dump -Fc -Z0 >/dev/null',
    target: 1 / 1.4,
    warmups: 0,
    ours: async () => (await backUpToFolder(source, folder)).seconds,
    peer: () => seconds(() => run(source.pgDump, ['-Fc', '-Z0'], source.env, 'ignore')),
  })
}

function digestsOnAndOff(source: Source, folder: string): Promise<BenchCase> {
  return compare({
    case: 'time with digests',
    unit: 's',
    peerName: 'ours without digests',
    target: 1 / 1.1,
    warmups: 0,
    ours: async () => (await backUpToFolder(source, folder)).seconds,
    peer: async () => (await backUpToFolder(source, folder, ['--no-digest'])).seconds,
  })
}

/** On a real S3 server where Docker runs one, and otherwise on one that keeps everything in memory. */
async function toS3(source: Source): Promise<BenchCase> {
  const inContainer = await dockerAvailable()
  await using server = await startS3({ mode: inContainer ? 'container' : 'local' })
  return await compare({
    case: `time to S3 (${inContainer ? 'Ceph' : 'fauxqs'})`,
    unit: 's',
    peerName: 'pg_dump -Fc | upload by the AWS SDK',
    target: 3,
    warmups: 0,
    ours: async () => {
      const bucket = await server.createBucket()
      const url = `s3://${bucket}?endpoint=${server.endpoint}&region=${server.region}&pathStyle=true`
      return (await backUp({ ...source, env: { ...source.env, ...server.env } }, url)).seconds
    },
    peer: async () => {
      const bucket = await server.createBucket()
      return await seconds(() => pipeToS3(source, server, bucket))
    },
  })
}

async function backUpToFolder(source: Source, parent: string, args: string[] = []): Promise<Run> {
  const folder = await mkdtemp(join(parent, 'store-'))
  try {
    return await backUp(source, pathToFileURL(folder).href, args)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** One backup from the start of the process to its end. */
async function backUp({ env }: Source, store: string, args: string[] = []): Promise<Run> {
  let output = ''
  const took = await seconds(async () => {
    output = await run(process.execPath, [WORKER, '--store', store, ...args], env)
  })
  const { storedBytes, peakBytes }: Omit<Run, 'seconds'> = JSON.parse(output)
  return { seconds: took, storedBytes, peakBytes }
}

async function pipeToS3({ pgDump, env }: Source, { client }: S3Server, bucket: string): Promise<void> {
  const dump = spawn(pgDump, ['-Fc'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(dump, 'exit')
  await new Upload({ client, params: { Bucket: bucket, Key: 'dump', Body: dump.stdout } }).done()
  const [code] = await exited
  if (code !== 0) throw new Error(`pg_dump ended with exit code ${code}`)
}

/** Runs a program to its end and returns what it printed; `ignore` sends that to /dev/null. */
async function run(
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  stdout: 'pipe' | 'ignore' = 'pipe',
): Promise<string> {
  const child = spawn(program, args, { env, stdio: ['ignore', stdout, 'inherit'] })
  const chunks: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${program} ended with exit code ${code}`)
  return Buffer.concat(chunks).toString()
}
