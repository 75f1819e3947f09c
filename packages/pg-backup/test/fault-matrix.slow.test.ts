import { execFile } from 'node:child_process'
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { fileStore, s3Store, type ObjectStore } from '@ops/object-store'
import {
  ACCESS_DENIED,
  INTERNAL_ERROR,
  SLOW_DOWN,
  startFaultProxy,
  startPostgres,
  startS3,
  type FaultProxy,
  type Postgres,
  type RequestFault,
  type S3Server,
  type SeenRequest,
} from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BackupError } from '../src/backup-error.ts'
import { checkBackup } from '../src/check-backup.ts'
import {
  createBackup,
  type BackupProgress,
  type BackupResult,
  type CreateBackupOptions,
} from '../src/create-backup.ts'
import { listBackups } from '../src/list-backups.ts'
import { readManifest } from '../src/manifest.ts'
import { findPostgresProgram } from '../src/postgres-program.ts'
import { connectionTo, temporaryFolder, temporaryStore } from './harness.ts'
import { holdLock, isDumpWaiting } from './hold-lock.ts'
import { startCli } from './start-cli.ts'
import { openUploads } from './open-uploads.ts'
import { until } from './until.ts'

/**
 * Every phase of a backup × every fault that can happen in it. However it ends, there is either a
 * backup that is whole, or none and a clear error. Left out is what cannot be: a request without a
 * body in its answer has no answer that is cut off, a disk is full only where something is written.
 */
let server: Postgres
let s3: S3Server
let rows: BackupResult['manifest']['tables']
let cases = 0

beforeAll(async () => {
  ;[server, s3] = await Promise.all([startPostgres({ settings: { max_connections: '100' } }), startS3()])
  await server.createDatabase('app')
  // About 9 MB: two parts of 5 MiB at the least, and of the 8 MiB that the bin uses.
  await server.query(
    `CREATE TABLE people AS SELECT i AS id, encode(sha512(i::text::bytea), 'hex') AS name FROM generate_series(1, 65000) i`,
    'app',
  )
  await server.query(`CREATE DATABASE locked TEMPLATE app`)
  await using place = await temporaryStore()
  const { manifest } = await createBackup({ store: place.store, connection: connectionTo(server, 'app') })
  rows = manifest.tables
})

afterAll(async () => {
  process.stdout.write(`fault matrix: ${cases} cases\n`)
  await Promise.all([server?.stop(), s3?.stop()])
})

type Outcome = 'published' | RegExp | undefined

/** A place to store in, and what is really in it. */
interface Place extends AsyncDisposable {
  readonly store: ObjectStore
  /** Past every fault. */
  readonly direct: ObjectStore
  keys(): Promise<string[]>
  openUploads(): Promise<string[]>
}

/**
 * Runs a backup, and says what is wrong with how it ended: there is no third outcome. Where it is
 * known which of the two it has to be, `expected` says so: `published`, or the code of the error.
 */
async function problemsOf(
  place: Place,
  expected: Outcome,
  options: Partial<CreateBackupOptions>,
): Promise<string[]> {
  cases += 1
  const ended = await createBackup({
    store: place.store,
    connection: connectionTo(server, 'app'),
    compression: { algorithm: 'none' },
    env: { ...process.env, PGCONNECT_TIMEOUT: '5' },
    ...options,
  }).catch((error: unknown) => error)
  const there: Remains = {
    backups: (await listBackups({ store: place.direct })).map(({ id }) => id),
    keys: await place.keys(),
    uploads: await place.openUploads(),
  }
  if (ended instanceof Error) return problemsOfFailure(ended, expected, there, place)
  return problemsOfBackup(ended as BackupResult, expected, there, place)
}

interface Remains {
  readonly backups: readonly string[]
  readonly keys: readonly string[]
  readonly uploads: readonly string[]
}

/**
 * An error is clear, nothing is published, and what could not be removed is named. Where a manifest
 * could not be, because the network was gone for good, it is that of a whole backup.
 */
async function problemsOfFailure(
  error: Error,
  expected: Outcome,
  { backups, keys, uploads }: Remains,
  place: Place,
): Promise<string[]> {
  const { code, message, details } = error as BackupError
  const named = (details?.leftBehind ?? []).join(' ')
  const says = `${code}: ${message}`
  const published: string[] = []
  for (const id of backups) published.push(...(await problemsOfManifest(place, id)))
  return [
    ...published,
    ...(error instanceof BackupError ? [] : [`it failed with no BackupError: ${says}`]),
    ...(expected === 'published' ? [`it was to succeed, and failed: ${says}`] : []),
    ...(expected instanceof RegExp && !expected.test(code) ? [`another code was expected: ${says}`] : []),
    ...(/undefined|\[object|\n\s+at /.test(message) || message.length < 30 ? [`not clear: ${says}`] : []),
    ...[...keys, ...uploads].filter((each) => !named.includes(each)).map((each) => `left unnamed: ${each}`),
  ]
}

async function problemsOfManifest({ direct }: Place, id: string): Promise<string[]> {
  try {
    const backup = { cluster: 'main', database: 'app', id }
    await checkBackup({ store: direct, manifest: await readManifest({ store: direct, backup }) })
    return []
  } catch (error) {
    return [`its manifest stayed, and not all of it: ${String(error)}`]
  }
}

/** A backup is the only thing there, with all its bytes and all rows. */
async function problemsOfBackup(
  { id, manifest }: BackupResult,
  expected: Outcome,
  { backups, keys, uploads }: Remains,
  { direct }: Place,
): Promise<string[]> {
  return [
    ...(expected instanceof RegExp ? ['it was to fail, and succeeded'] : []),
    ...(backups.length === 1 && backups[0] === id ? [] : [`listed: ${backups.join(', ')}, made: ${id}`]),
    ...(JSON.stringify(manifest.tables) === JSON.stringify(rows) ? [] : ['its rows are others']),
    ...[...keys.filter((key) => !key.includes(id)), ...uploads].map((each) => `left: ${each}`),
    ...(await checkBackup({ store: direct, manifest }).then(
      () => [],
      (error: Error) => [error.message],
    )),
  ]
}

describe('faults of the server and of pg_dump', () => {
  interface Fault {
    readonly happens: (network: FaultProxy) => void
    readonly code: RegExp
  }
  const faults: Record<string, Fault> = {
    'connection reset': { happens: (network) => network.sever('reset'), code: /CONNECT_FAILED|DUMP_FAILED/ },
    'connection closed: a truncated response': {
      happens: (network) => network.sever('close'),
      code: /CONNECT_FAILED|DUMP_FAILED/,
    },
    'session terminated by an administrator': {
      // Ended while nothing gets through: a dump that went on meanwhile could be done before.
      happens: (network) => {
        const ended = server.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ('app', 'locked') AND application_name IN ('psql', 'pg_dump') AND client_port IS NOT NULL AND NOT query LIKE 'LOCK TABLE people%' AND NOT query LIKE 'SELECT ''held''%'`,
        )
        void ended.then(() => network.heal())
      },
      code: /CONNECT_FAILED|DUMP_FAILED/,
    },
    'stall and timeout': { happens: () => undefined, code: /CONNECT_FAILED|DUMP_STALLED/ },
  }

  describe.each(Object.entries(faults))('%s', (_fault, { happens, code }) => {
    const through = (network: FaultProxy, database = 'app'): Partial<CreateBackupOptions> => ({
      connection: { ...connectionTo(server, database), host: network.host, port: network.port },
      stallTimeoutMs: 4000,
    })

    it('when it connects', async () => {
      await using place = await s3Place()
      await using network = await startFaultProxy({ target: { host: server.host, port: server.port } })
      network.stall()
      // A session that ends before it begins may just be followed by another.
      const problems = problemsOf(place, undefined, through(network))
      await until(() => network.connections > 0)
      happens(network)
      expect(await problems).toEqual([])
    })

    it('while it waits for the lock on a table', async () => {
      await using place = await s3Place()
      await using network = await startFaultProxy({ target: { host: server.host, port: server.port } })
      const lock = await holdLock(server, 'locked', 'people')
      const problems = problemsOf(place, code, through(network, 'locked'))
      await until(() => isDumpWaiting(server))
      network.stall()
      happens(network)
      expect(await problems).toEqual([])
      lock.release()
    })

    it('in the middle of a table', async () => {
      await using place = await s3Place()
      await using network = await startFaultProxy({ target: { host: server.host, port: server.port } })
      network.throttle(4_000_000)
      let hasHappened = false
      expect(
        await problemsOf(place, code, {
          ...through(network),
          onProgress: (progress) => {
            if (hasHappened || progress.phase !== 'dump' || progress.rawBytes === 0) return
            hasHappened = true
            network.stall()
            happens(network)
          },
        }),
      ).toEqual([])
      expect(hasHappened).toBe(true)
    })
  })

  /** Does what `pg_dump` does, and then something else; by `$REAL`, and after `--version` nothing. */
  const endings: Record<string, [script: string, code: RegExp]> = {
    'pg_dump is killed before its first byte': ['kill -9 $$', /DUMP_FAILED/],
    'pg_dump is killed in the middle of a table': [
      '"$REAL" "$@" | head -c 3000000; kill -9 $$',
      /DUMP_FAILED/,
    ],
    'pg_dump is killed after its last byte': ['"$REAL" "$@"; kill -9 $$', /DUMP_FAILED/],
    'pg_dump fails after its last byte': [
      '"$REAL" "$@"; echo "pg_dump: error: no" >&2; exit 1',
      /DUMP_FAILED/,
    ],
    'pg_dump stands still after its last byte': ['"$REAL" "$@"; exec sleep 600', /DUMP_STALLED/],
    'pg_dump stands still before its first byte': ['exec sleep 600', /DUMP_STALLED/],
    'the last byte is missing': ['"$REAL" "$@" | head -c -1', /ARCHIVE_INVALID/],
    'half of the rows are missing, and pg_dump says that all is well': [
      '"$REAL" "$@" | head -c 5000000',
      /ARCHIVE_INVALID/,
    ],
  }

  it.each(Object.entries(endings))('%s', async (_name, [script, code]) => {
    await using place = await s3Place()
    await using programs = await temporaryFolder()
    const real = await findPostgresProgram('pg_dump', {})
    await symlink((await findPostgresProgram('psql', {})).path, join(programs.path, 'psql'))
    const path = join(programs.path, 'pg_dump')
    await writeFile(
      path,
      `#!/bin/sh\nREAL='${real.path}'\n[ "$1" = --version ] && exec "$REAL" --version\n${script}\n`,
    )
    await chmod(path, 0o755)
    expect(
      await problemsOf(place, code, {
        env: { ...process.env, OPS_PG_BIN: programs.path },
        stallTimeoutMs: 5000,
      }),
    ).toEqual([])
  })
})

const isPart = (request: SeenRequest, number: number): boolean =>
  request.path.includes(`partNumber=${number}&`)
const isManifest = (request: SeenRequest): boolean => request.path.includes('/manifest.json')
const isDump = ({ path }: SeenRequest): boolean => path.includes('/dump.pgc')

/** Every request of a backup in two parts, in their order. */
const requests: Record<string, RequestFault['when']> = {
  'try the store': ({ method, path }) => method === 'PUT' && path.includes('/.probe/'),
  'begin the upload': ({ method, path }) => method === 'POST' && path.endsWith('?uploads='),
  'put the first part': (request) => isPart(request, 1),
  'put the last part': (request) => isPart(request, 2),
  'complete the upload': ({ method, path }) => method === 'POST' && path.includes('uploadId='),
  'verify the dump': (request) => request.method === 'HEAD' && isDump(request),
  'put the manifest': (request) => request.method === 'PUT' && isManifest(request),
  'verify the manifest': (request) => request.method === 'HEAD' && isManifest(request),
}

describe('faults of the store', () => {
  it('can hit all requests that a backup makes', async () => {
    await using place = await s3Place()
    expect(await problemsOf(place, 'published', {})).toEqual([])
    const needed = place.proxy.requests.filter(({ method }) => method !== 'DELETE')
    expect(needed.filter((request) => !Object.values(requests).some((isIt) => isIt(request)))).toEqual([])
    expect(
      Object.keys(requests).filter((name) => !needed.some((request) => requests[name]!(request))),
    ).toEqual([])
  })

  interface Fault {
    readonly with: RequestFault['with'] | 'stall'
    readonly times?: number
    readonly expected: Outcome
    readonly only?: (request: string) => boolean
  }
  const hasBody = (request: string): boolean => !request.startsWith('verify')
  const failed = /STORE_FAILED/
  const faults: Record<string, Fault> = {
    '500 once': { with: INTERNAL_ERROR, times: 1, expected: 'published' },
    '500 for good': { with: INTERNAL_ERROR, expected: failed },
    '503 slow-down once': { with: SLOW_DOWN, times: 1, expected: 'published' },
    '503 slow-down for good': { with: SLOW_DOWN, expected: failed },
    '403 half way': { with: ACCESS_DENIED, expected: failed },
    'connection reset once, after the request took effect': {
      with: 'lose-answer',
      times: 1,
      expected: 'published',
    },
    'connection reset for good': { with: 'lose-answer', expected: failed },
    'timeout: never an answer': { with: 'no-answer', expected: failed },
    'stall: the connection stands still': { with: 'stall', expected: failed },
    'truncated response once': { with: 'truncate-answer', times: 1, expected: undefined, only: hasBody },
    'truncated response for good': { with: 'truncate-answer', expected: undefined, only: hasBody },
    'an error inside a 200 answer once': {
      with: { ...INTERNAL_ERROR, status: 200 },
      times: 1,
      expected: 'published',
      only: (request) => request === 'complete the upload',
    },
    'an error inside a 200 answer for good': {
      with: { ...INTERNAL_ERROR, status: 200 },
      expected: failed,
      only: (request) => request === 'complete the upload',
    },
  }
  const table = Object.entries(faults).flatMap(([faultName, fault]) =>
    Object.keys(requests)
      .filter((request) => fault.only?.(request) ?? true)
      .map((request) => ({ request, faultName, fault })),
  )

  it.concurrent.each(table)('$request: $faultName', async ({ request, fault }) => {
    // Only what is never answered has to be given up soon.
    const stands = fault.with === 'no-answer' || fault.with === 'stall'
    await using place = await s3Place(stands ? 2000 : 60_000)
    const when = requests[request]!
    const { with: answer, times } = fault
    let hits = 0
    const hit = (seen: SeenRequest): boolean => {
      if (!when(seen)) return false
      hits += 1
      if (answer !== 'stall') return true
      place.proxy.stall()
      return false
    }
    place.proxy.failRequests({ when: hit, with: answer === 'stall' ? 'no-answer' : answer, times })
    expect(await problemsOf(place, fault.expected, {})).toEqual([])
    expect(hits).toBeGreaterThan(0)
  })
})

describe('this process is killed', () => {
  const atServer = ['connect', 'wait for the lock on a table']
  it.each([...atServer, ...Object.keys(requests)])('%s', async (phase) => {
    cases += 1
    await using place = await s3Place()
    await using network = await startFaultProxy({ target: { host: server.host, port: server.port } })
    const when = requests[phase]
    let isReached: () => boolean | Promise<boolean>
    let release = (): void => undefined
    if (when !== undefined) {
      place.proxy.failRequests({ when, with: 'no-answer' })
      isReached = () => place.proxy.requests.some(when)
    } else if (phase === 'connect') {
      network.stall()
      isReached = () => network.connections > 0
    } else {
      const lock = await holdLock(server, 'locked', 'people')
      release = () => lock.release()
      isReached = () => isDumpWaiting(server)
    }
    const database = phase.startsWith('wait') ? 'locked' : 'app'
    const run = startCli(['create', '--compress', 'none', '--store', place.url], {
      ...server.env(database),
      PGHOST: network.host,
      PGPORT: String(network.port),
      ...s3.env,
    })
    await until(isReached)
    run.kill('SIGKILL')
    expect(await run.ended).toMatchObject({ code: null, stdout: '' })
    release()
    network.heal()
    await until(async () => (await run.processes()).length === 0)
    const keys = await place.keys()
    // Only a run that was killed between the manifest's put and the end has made a backup: a whole one.
    const backups = await listBackups({ store: place.direct })
    expect(backups).toHaveLength(phase === 'verify the manifest' ? 1 : 0)
    expect(keys.some((key) => key.endsWith('manifest.json'))).toBe(backups.length === 1)
    for (const backup of backups) {
      const manifest = await readManifest({ store: place.direct, backup })
      await checkBackup({ store: place.direct, manifest })
    }
  })
})

describe('the clock jumps', () => {
  const DAY_MS = 86_400_000
  const jumps = { 'a day ahead': DAY_MS, 'a day back': -DAY_MS, 'a century ahead': 36_525 * DAY_MS }
  const table = Object.keys(jumps).flatMap((jump) =>
    (['connect', 'dump', 'publish'] as const).map((phase) => ({ phase, jump: jump as keyof typeof jumps })),
  )

  it.each(table)('$phase: $jump', async ({ phase, jump }) => {
    await using place = await folderPlace()
    let offset = 0
    const now = (): Date => new Date(Date.now() + offset)
    expect(
      await problemsOf(place, 'published', {
        now,
        onProgress: (progress: BackupProgress) => {
          if (progress.phase === phase) offset = jumps[jump]
        },
      }),
    ).toEqual([])
    const [backup] = await listBackups({ store: place.direct })
    const manifest = await readManifest({ store: place.direct, backup: backup! })
    expect(Date.parse(manifest.finishedAt)).toBeGreaterThanOrEqual(Date.parse(manifest.startedAt))
  })
})

describe('a disk is full', () => {
  it.each([
    ['in staging', { jobs: 2 }, /STAGING_FULL|STAGING_FAILED/],
    [
      'in staging, beyond its bound',
      { jobs: 2, stagingMaxBytes: 100_000, whenStagingIsFull: 'fail' },
      /STAGING_F/,
    ],
    ['in the store', {}, /STORE_FAILED/],
  ] as const)('%s', async (where, options, code) => {
    await using disk = await temporaryFolder()
    const mounted = await mountSmallDisk(disk.path)
    try {
      // Where nothing can be mounted, a folder that refuses what is written is the nearest thing to a full disk.
      const folder = join(disk.path, mounted ? '' : 'missing')
      await using place = where === 'in the store' ? await folderPlace(folder) : await folderPlace()
      expect(await problemsOf(place, code, { ...options, stagingFolder: folder })).toEqual([])
    } finally {
      if (mounted) await promisify(execFile)('umount', [disk.path])
    }
  })

  /** 2 MiB of memory; false where that is not allowed. */
  async function mountSmallDisk(folder: string): Promise<boolean> {
    return promisify(execFile)('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder]).then(
      () => true,
      () => false,
    )
  }
})

async function folderPlace(folder?: string): Promise<Place> {
  const temporary = await temporaryStore()
  const store = folder === undefined ? temporary.store : fileStore({ folder })
  return {
    store,
    direct: store,
    keys: async () => {
      const keys: string[] = []
      const isThere = await mkdir(folder ?? temporary.folder, { recursive: true }).then(() => true)
      if (isThere) for await (const { key } of store.list()) if (!key.includes('/lease/')) keys.push(key)
      return keys
    },
    openUploads: async () => {
      const uploads: string[] = []
      for await (const { uploadId } of store.listPendingUploads()) uploads.push(uploadId)
      return uploads
    },
    [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose](),
  }
}

interface S3Place extends Place {
  readonly proxy: FaultProxy
  /** For another process. */
  readonly url: string
}

async function s3Place(stallTimeoutMs = 60_000): Promise<S3Place> {
  const proxy = await startFaultProxy({ target: s3.endpoint })
  const bucket = await s3.createBucket()
  const { accessKeyId, secretAccessKey, region } = s3
  const client = new S3Client({
    endpoint: proxy.endpoint,
    region,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId, secretAccessKey },
  })
  return {
    proxy,
    url: `s3://${bucket}?endpoint=${encodeURIComponent(proxy.endpoint)}&region=${region}&pathStyle=true`,
    store: s3Store({
      client,
      bucket,
      partSizeBytes: 5 * 2 ** 20,
      maxAttempts: 2,
      retryDelayMs: 5,
      stallTimeoutMs,
    }),
    direct: s3Store({ client: s3.client, bucket }),
    keys: async () => {
      const { Contents = [] } = await s3.client.send(new ListObjectsV2Command({ Bucket: bucket }))
      return Contents.map((object) => object.Key!).filter((key) => !/(^\.probe|\/lease)\//.test(key))
    },
    openUploads: () => openUploads(proxy, s3, bucket),
    [Symbol.asyncDispose]: async () => {
      client.destroy()
      await proxy.stop()
    },
  }
}
