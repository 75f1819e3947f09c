import { constants } from 'node:os'
import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import {
  INTERNAL_ERROR,
  startFaultProxy,
  startPostgres,
  startS3,
  type FaultProxy,
  type Postgres,
  type S3Server,
  type SeenRequest,
} from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { holdLock, isDumpWaiting } from './hold-lock.ts'
import { startCli } from './start-cli.ts'
import { until } from './until.ts'

/** Signals at each phase of `pg-backup create`: each phase is held open, and only then the signal is sent. */
let server: Postgres
let s3: S3Server

beforeAll(async () => {
  ;[server, s3] = await Promise.all([startPostgres(), startS3()])
  await server.createDatabase('app')
  // About 10 MiB when compressed: two parts of the 8 MiB that the bin uses.
  await server.query(
    `CREATE TABLE people AS SELECT i AS id, encode(sha512(i::text::bytea), 'hex') AS name FROM generate_series(1, 160000) i`,
    'app',
  )
})

afterAll(() => Promise.all([server?.stop(), s3?.stop()]))

interface Network {
  /** In front of the server. */
  readonly database: FaultProxy
  /** In front of the store. */
  readonly store: FaultProxy
}

interface Phase {
  /** Sees to it that the phase does not end, until what it returns is called. Called before the backup starts. */
  readonly hold: (network: Network) => Promise<() => void>
  readonly isReached: (network: Network) => boolean | Promise<boolean>
}

const isPart = ({ path }: SeenRequest): boolean => path.includes('partNumber=')
const isManifestPut = ({ method, path }: SeenRequest): boolean =>
  method === 'PUT' && path.includes('/manifest.json')

const phases: Record<string, Phase> = {
  connect: {
    hold: async ({ database }) => {
      database.stall()
      return () => database.heal()
    },
    isReached: ({ database }) => database.connections > 0,
  },
  dump: {
    hold: async () => {
      const lock = await holdLock(server, 'app', 'people')
      return () => lock.release()
    },
    isReached: () => isDumpWaiting(server),
  },
  upload: {
    hold: async ({ store }) => {
      store.throttle(1_000_000)
      return () => store.heal()
    },
    isReached: ({ store }) => store.requests.some(isPart),
  },
  publish: {
    hold: async ({ store }) => {
      store.failRequests({ when: isManifestPut, with: INTERNAL_ERROR })
      return () => store.heal()
    },
    isReached: ({ store }) => store.requests.some(isManifestPut),
  },
}

interface Run extends AsyncDisposable, ReturnType<typeof startCli> {
  readonly network: Network
  readonly release: () => void
  keys(): Promise<string[]>
}

/** A backup that has come to the phase, and does not get out of it. */
async function startBackup({ hold, isReached }: Phase): Promise<Run> {
  const database = await startFaultProxy({ target: { host: server.host, port: server.port } })
  const store = await startFaultProxy({ target: s3.endpoint })
  const network = { database, store }
  const release = await hold(network)
  const bucket = await s3.createBucket()
  const url = `s3://${bucket}?endpoint=${encodeURIComponent(store.endpoint)}&region=${s3.region}&pathStyle=true`
  const env = { ...server.env('app'), PGHOST: database.host, PGPORT: String(database.port), ...s3.env }
  const run = startCli(['create', '--store', url], env)
  await until(() => isReached(network))
  return {
    ...run,
    network,
    release,
    keys: async () => {
      const { Contents = [] } = await s3.client.send(new ListObjectsV2Command({ Bucket: bucket }))
      return Contents.map((object) => object.Key!)
    },
    [Symbol.asyncDispose]: async () => {
      run.kill('SIGKILL')
      release()
      await Promise.all([database.stop(), store.stop()])
    },
  }
}

/** The uploads with parts that the store was asked neither to abort nor to complete. */
function openUploads({ requests }: FaultProxy): string[] {
  const uploadId = ({ path }: SeenRequest): string | undefined => /uploadId=([^&]+)/.exec(path)?.[1]
  const ended = new Set(
    requests.filter(({ method }) => method === 'DELETE' || method === 'POST').map(uploadId),
  )
  return [...new Set(requests.filter(isPart).map(uploadId))].flatMap((id) =>
    id === undefined || ended.has(id) ? [] : [id],
  )
}

describe.each(['SIGINT', 'SIGTERM'] as const)('%s', (signal) => {
  it.each(Object.entries(phases))('in the phase "%s" leaves nothing behind', async (_name, phase) => {
    await using run = await startBackup(phase)
    run.kill(signal)
    const { code, stderr, stdout } = await run.ended
    expect(stderr).toContain(`stopped by ${signal}`)
    expect(code).toBe(128 + constants.signals[signal])
    expect(stdout).toBe('')
    expect(await run.keys()).toEqual([])
    expect(openUploads(run.network.store)).toEqual([])
    expect(await run.processes()).toEqual([])
  })
})
