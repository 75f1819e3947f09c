// A backup of one database, from the start of the first process until the object is durable in S3:
// ours against what people run today, with its defaults and tuned by hand. All in one run, to the
// same S3: Ceph in a container where there is Docker, and otherwise fauxqs, which keeps everything in memory.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DeleteObjectsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import { findPostgresProgram } from '@ops/pg-backup'
import { dockerAvailable, startPostgres, startS3, type S3Server } from '@ops/testbed'
import { overSocket } from './backup/over-socket.ts'
import { fillShop } from './backup/shop-data.ts'
import { judge, seconds, takeTurns, type BenchCase } from './harness/compare.ts'
import { progress } from './harness/progress.ts'
import { installPeerPrograms } from './pg-backup/peer-programs.ts'

export const name = 'pg-backup'

const run = promisify(execFile)
const CLI = fileURLToPath(new URL('../packages/pg-backup/dist/cli.js', import.meta.url))
const METER = new URL('harness/meter.ts', import.meta.url).href
const DEFAULT_BYTES = 1.1e9
const MIB = 1024 * 1024
const MAX_PEAK_MIB = 250
const STAGING_BOUND_BYTES = 1024 * MIB
/** The public half of a key whose private half nobody has. */
const RECIPIENT = 'age1yyx02krq95h0wl7huzrkq3fcepz3a4u7wwe35kxax08r3q2afcnsepcykq'

/** With the defaults that they have. */
const PEERS = {
  'pg_dump -Fc | rclone rcat': '"$PG_DUMP" -Fc | rclone rcat "s3:$BUCKET/dump"',
  'pg_dump -Fc | s3cmd put -': '"$PG_DUMP" -Fc | s3cmd $S3CMD_FLAGS put - "s3://$BUCKET/dump"',
  'pg_dump -Fd -j2, rclone copy':
    '"$PG_DUMP" -Fd -j2 -f "$FOLDER/dump" && rclone copy "$FOLDER/dump" "s3:$BUCKET/dump"',
  'pg_dump, gzip, rclone copy':
    '"$PG_DUMP" -f "$FOLDER/dump.sql" && gzip "$FOLDER/dump.sql" && rclone copy "$FOLDER/dump.sql.gz" "s3:$BUCKET"',
} as const
const TUNED = 'pg_dump -Fc -Z0 | zstd -1 | rclone rcat'
const TUNED_COMMAND = '"$PG_DUMP" -Fc -Z0 | zstd -1 -q | rclone rcat "s3:$BUCKET/dump"'

const OURS = {
  'jobs 1': [],
  'jobs 2': ['--jobs', '2'],
  'jobs 1, encrypted': ['--recipient', RECIPIENT],
  'jobs 2, encrypted': ['--jobs', '2', '--recipient', RECIPIENT],
} as const

interface Run {
  readonly seconds: number
  /** Most memory of our process; `pg_dump` has its own. */
  readonly peakMiB: number
  /** Most bytes that were seen in the staging folder. */
  readonly stagedBytes: number
}

interface Place {
  readonly s3: S3Server
  readonly pgDump: string
  readonly env: NodeJS.ProcessEnv
}

type OurName = keyof typeof OURS
type PeerName = keyof typeof PEERS | typeof TUNED
type Round = Record<OurName, Run> & Record<PeerName, number>

/** `OPS_BENCH_BYTES` sets how much there is to back up; the targets are meant for 1 GB and more. */
export async function* cases(): AsyncGenerator<BenchCase> {
  await installPeerPrograms()
  const bytes = Number(process.env['OPS_BENCH_BYTES'] ?? DEFAULT_BYTES)
  const inContainer = await dockerAvailable()
  await using server = await startPostgres()
  await using s3 = await startS3({ mode: inContainer ? 'container' : 'local' })
  progress(`filling a database with ${Math.round(bytes / 1e6)} MB of rows`)
  await fillShop(server, 'shop', bytes)
  const { path } = await findPostgresProgram('pg_dump', { serverMajor: Math.floor(server.version / 10_000) })
  const place: Place = { s3, pgDump: path, env: { ...process.env, ...overSocket(server), ...s3.env } }
  const rounds = await takeTurns<Round>({
    case: `a backup to S3 (${inContainer ? 'Ceph' : 'fauxqs'})`,
    warmups: 0,
    contestants: {
      ...eachOf(OURS, (args) => backUp(place, args)),
      ...eachOf({ ...PEERS, [TUNED]: TUNED_COMMAND }, (command) => runPeer(place, command)),
    } as { [Name in keyof Round]: () => Promise<Round[Name]> },
  })
  yield* judgeRounds(rounds)
}

function* judgeRounds(rounds: readonly Round[]): Generator<BenchCase> {
  const against = (
    ours: OurName,
    peerName: string,
    target: number,
    peer: (round: Round) => number,
    what = 'time',
  ): BenchCase =>
    judge({
      case: `${what}, ${ours}`,
      unit: 's',
      peerName,
      target,
      pairs: rounds.map((round) => ({ ours: round, peer: round })),
      ours: (round) => round[ours].seconds,
      peer,
    })
  const peerNames = Object.keys(PEERS) as (keyof typeof PEERS)[]
  for (const peer of peerNames) yield against('jobs 1', peer, 3, (round) => round[peer])
  for (const ours of ['jobs 1', 'jobs 2'] as const) {
    yield against(ours, 'the fastest of these', 3, (round) =>
      Math.min(...peerNames.map((peer) => round[peer])),
    )
    yield against(ours, TUNED, 1, (round) => round[TUNED])
    yield against(`${ours}, encrypted`, 'ours, not encrypted', 1 / 1.25, (round) => round[ours].seconds)
  }
  for (const ours of Object.keys(OURS) as OurName[])
    yield bounded(rounds, `memory, ${ours}`, 'MiB', MAX_PEAK_MIB, (round) => round[ours].peakMiB)
  yield bounded(
    rounds,
    'staging, jobs 2',
    'MiB',
    STAGING_BOUND_BYTES / MIB,
    (round) => round['jobs 2'].stagedBytes / MIB,
  )
}

function bounded(
  rounds: readonly Round[],
  name: string,
  unit: string,
  limit: number,
  ours: (round: Round) => number,
): BenchCase {
  // The worst of all runs, and not their median: a limit holds always.
  const worst = Math.max(...rounds.map(ours))
  return judge({
    case: name,
    unit,
    peerName: 'the most allowed',
    target: 1,
    pairs: [{ ours: worst, peer: limit }],
    ours: (value) => value,
    peer: (value) => value,
  })
}

/** One backup by our command line, from the start of its process to its end. */
async function backUp(place: Place, args: readonly string[]): Promise<Run> {
  return await inFolder(async (folder) => {
    const meter = join(folder, 'used.json')
    const staging = join(folder, 'staging')
    await mkdir(staging)
    const watch = watchFolder(staging)
    const parallel = args.includes('--jobs')
      ? ['--staging', staging, '--staging-max', String(STAGING_BOUND_BYTES)]
      : []
    const took = await inBucket(place, async (bucket) => {
      const store = `s3://${bucket}?endpoint=${place.s3.endpoint}&region=${place.s3.region}&pathStyle=true`
      const env = { ...place.env, OPS_STORE: store, OPS_METER_FILE: meter }
      await run(process.execPath, ['--import', METER, CLI, 'create', '--quiet', ...parallel, ...args], {
        env,
      })
    })
    const stagedBytes = await watch.stop()
    const { peakMiB } = JSON.parse(await readFile(meter, 'utf8')) as { peakMiB: number }
    return { seconds: took, peakMiB, stagedBytes }
  })
}

async function runPeer(place: Place, command: string): Promise<number> {
  const { host } = new URL(place.s3.endpoint)
  return await inFolder(
    async (FOLDER) =>
      await inBucket(place, async (BUCKET) => {
        const env = {
          ...place.env,
          BUCKET,
          FOLDER,
          PG_DUMP: place.pgDump,
          RCLONE_CONFIG: join(FOLDER, 'rclone.conf'),
          RCLONE_CONFIG_S3_TYPE: 's3',
          RCLONE_CONFIG_S3_PROVIDER: 'Ceph',
          RCLONE_CONFIG_S3_ENV_AUTH: 'true',
          RCLONE_CONFIG_S3_ENDPOINT: place.s3.endpoint,
          RCLONE_CONFIG_S3_REGION: place.s3.region,
          // The server is on this machine and speaks HTTP.
          AWS_CA_BUNDLE: undefined,
          S3CMD_FLAGS: `--config=/dev/null --no-ssl --host=${host} --host-bucket=${host} --region=${place.s3.region} --quiet`,
        }
        await run('bash', ['-euo', 'pipefail', '-c', command], { env })
      }),
  )
}

/** How long the work takes with a new bucket, which is emptied afterwards. */
async function inBucket({ s3 }: Place, work: (bucket: string) => Promise<void>): Promise<number> {
  const bucket = await s3.createBucket()
  const took = await seconds(() => work(bucket))
  const { Contents = [] } = await s3.client.send(new ListObjectsV2Command({ Bucket: bucket }))
  if (Contents.length === 0) throw new Error('there is nothing in the bucket: that was no backup')
  const objects = Contents.map(({ Key }) => ({ Key }))
  await s3.client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: objects } }))
  return took
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'ops-bench-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const WATCH_INTERVAL_MS = 50

/** Looks at a folder again and again, and keeps the most bytes that it has seen there. */
function watchFolder(folder: string): { stop(): Promise<number> } {
  let most = 0
  let isLooking: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    isLooking = isLooking.then(async () => {
      most = Math.max(most, await folderBytes(folder))
    })
  }, WATCH_INTERVAL_MS)
  return {
    stop: async () => {
      clearInterval(timer)
      await isLooking
      return most
    },
  }
}

/** What vanishes while it is counted has no bytes. */
async function folderBytes(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  const sizes = await Promise.all(
    names.map((each) =>
      stat(join(folder, each)).then(
        (found) => (found.isFile() ? found.size : 0),
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

function eachOf<Value, Result>(
  values: Readonly<Record<string, Value>>,
  measure: (value: Value) => Promise<Result>,
): Record<string, () => Promise<Result>> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, () => measure(value)]))
}
