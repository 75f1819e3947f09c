import { readFile, writeFile } from 'node:fs/promises'
import * as successor from '@prometheus-io/client'
import * as promClient from 'prom-client'
import { startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBackup, type BackupResult, type CreateBackupOptions } from '../src/index.ts'
import { createBackupMetrics, metricsFromStore, type BackupMetrics } from '../src/prometheus.ts'
import { connectionTo, temporaryStore } from './harness.ts'
import { holdLock, isDumpWaiting } from './hold-lock.ts'
import { until } from './until.ts'

let server: Postgres

beforeAll(async () => {
  server = await startPostgres()
  for (const [database, rows] of [
    ['app', 500],
    ['shop', 7],
  ] as const) {
    await server.createDatabase(database)
    await server.query(`CREATE TABLE people AS SELECT generate_series(1, ${rows}) AS id`, database)
  }
})

afterAll(() => server?.stop())

interface Started {
  readonly metrics: BackupMetrics
  readonly read: () => Promise<string>
}

const withPromClient = (): Started => {
  const registry = new promClient.Registry()
  return {
    metrics: createBackupMetrics({ client: promClient, registry }),
    read: async () => await registry.metrics(),
  }
}

const withSuccessor = (): Started => {
  const registry = new successor.Registry()
  return {
    metrics: createBackupMetrics({ client: successor, registry }),
    read: async () => await registry.metrics(),
  }
}

/** The value of one series of `app`, or `undefined` if it is not there. */
function valueOf(text: string, name: string, labels = 'cluster="main",database="app"'): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`ops_backup_${name}{${labels}} `))
  return line === undefined ? undefined : Number(line.split(' ').at(-1))
}

const NEWEST_GOOD = [
  'last_success_timestamp_seconds',
  'duration_seconds',
  'raw_bytes',
  'stored_bytes',
  'rows',
]

const newestGood = (text: string, labels?: string): (number | undefined)[] =>
  NEWEST_GOOD.map((name) => valueOf(text, name, labels))

function backUp(database: string, options: Partial<CreateBackupOptions>): Promise<BackupResult> {
  return createBackup({ connection: connectionTo(server, database), ...options } as CreateBackupOptions)
}

/** Options of a backup that is stopped when its dump is stored. */
function abortedWhenPublishing(): Partial<CreateBackupOptions> {
  const controller = new AbortController()
  return {
    signal: controller.signal,
    onProgress: ({ phase }) => {
      if (phase === 'publish') controller.abort(new Error('stopped'))
    },
  }
}

describe.each([
  ['prom-client', withPromClient],
  ['@prometheus-io/client', withSuccessor],
])('metrics with %s', (_name, start) => {
  it('show a success, then a failure beside it, and what runs meanwhile', async () => {
    await using place = await temporaryStore()
    const { store } = place
    const { metrics, read } = start()
    let meanwhile = ''
    const { manifest } = await backUp('app', {
      store,
      hooks: [metrics, { onStart: async () => void (meanwhile = await read()) }],
    })
    expect(valueOf(meanwhile, 'in_progress')).toBe(1)
    const [dump] = manifest.objects
    const good = [
      Date.parse(manifest.finishedAt) / 1000,
      (Date.parse(manifest.finishedAt) - Date.parse(manifest.startedAt)) / 1000,
      dump!.rawBytes,
      dump!.storedBytes,
      500,
    ]
    const after = await read()
    expect(newestGood(after)).toEqual(good)
    expect(valueOf(after, 'last_attempt_success')).toBe(1)
    expect(valueOf(after, 'in_progress')).toBe(0)
    expect(valueOf(after, 'last_attempt_timestamp_seconds')).toBeLessThanOrEqual(good[0]!)

    const connection = { ...connectionTo(server, 'app'), password: 'wrong' }
    await expect(createBackup({ store, connection, hooks: [metrics] })).rejects.toThrow('authentication')
    const failed = await read()
    expect(newestGood(failed)).toEqual(good)
    expect(valueOf(failed, 'last_attempt_success')).toBe(0)
    expect(valueOf(failed, 'in_progress')).toBe(0)
    const failures = (code: string): number | undefined =>
      valueOf(failed, 'failures_total', `cluster="main",database="app",code="${code}"`)
    expect([failures('BACKUP_CONNECT_FAILED'), failures('BACKUP_DUMP_FAILED')]).toEqual([1, 0])
  })

  it('say after a restart, and in a worker that never ran a backup, what they said before', async () => {
    await using place = await temporaryStore()
    const { store } = place
    const before = start()
    await backUp('app', { store, hooks: [before.metrics] })
    await backUp('app', { store, hooks: [before.metrics] })
    await backUp('shop', { store, cluster: 'eu', hooks: [before.metrics] })

    const after = start()
    after.metrics.show(await metricsFromStore({ store }))
    const [old, fresh] = [await before.read(), await after.read()]
    expect(newestGood(fresh)).toEqual(newestGood(old))
    expect(newestGood(fresh, 'cluster="eu",database="shop"')).toEqual(
      newestGood(old, 'cluster="eu",database="shop"'),
    )
    expect(newestGood(fresh)).not.toContain(undefined)
    expect(valueOf(fresh, 'last_attempt_success')).toBe(1)
    expect(valueOf(fresh, 'in_progress')).toBe(0)
    expect(valueOf(fresh, 'last_attempt_timestamp_seconds')).toBeGreaterThanOrEqual(
      valueOf(old, 'last_attempt_timestamp_seconds')!,
    )
  })

  it('say of a store that the last attempt failed, and that one is under way', async () => {
    await using place = await temporaryStore()
    const { store } = place
    await backUp('app', { store })
    await expect(backUp('app', { store, ...abortedWhenPublishing() })).rejects.toThrow('stopped')
    const { metrics, read } = start()
    metrics.show(await metricsFromStore({ store }))
    const failed = await read()
    expect(valueOf(failed, 'last_attempt_success')).toBe(0)
    expect(valueOf(failed, 'last_success_timestamp_seconds')).toBeLessThan(
      valueOf(failed, 'last_attempt_timestamp_seconds')!,
    )

    using lock = await holdLock(server, 'app', 'people')
    const running = backUp('app', { store })
    await until(() => isDumpWaiting(server))
    metrics.show(await metricsFromStore({ store }))
    expect(valueOf(await read(), 'in_progress')).toBe(1)
    lock.release()
    await running
    metrics.show(await metricsFromStore({ store }))
    const done = await read()
    expect([valueOf(done, 'in_progress'), valueOf(done, 'last_attempt_success')]).toEqual([0, 1])
  })

  it('do not fall back to what a listing that began earlier has found', async () => {
    await using place = await temporaryStore()
    const { store } = place
    const { metrics, read } = start()
    await backUp('app', { store })
    const early = await metricsFromStore({ store })
    const { manifest } = await backUp('app', { store, hooks: [metrics] })
    metrics.show(early)
    metrics.show({ ...early, backups: [], attempts: [] })
    expect(valueOf(await read(), 'last_success_timestamp_seconds')).toBe(
      Date.parse(manifest.finishedAt) / 1000,
    )
  })

  it('keep to a failure that left no trace in the store, until there is a later attempt', async () => {
    await using place = await temporaryStore()
    const { store } = place
    const { metrics, read } = start()
    const now = (): Date => new Date(Date.now() + 1)
    const attempt = async (): Promise<(number | undefined)[]> => {
      metrics.show(await metricsFromStore({ store, now }))
      const shown = await read()
      return [valueOf(shown, 'last_attempt_success'), valueOf(shown, 'last_attempt_timestamp_seconds')]
    }
    const connection = { database: 'app', host: '127.0.0.1', port: 1 }
    const fails = (): Promise<unknown> =>
      expect(backUp('app', { store, hooks: [metrics], connection })).rejects.toThrow('127.0.0.1')
    await fails()
    expect(await attempt()).toEqual([0, expect.any(Number)])

    await backUp('app', { store, hooks: [metrics] })
    await fails()
    expect(await attempt()).toEqual([0, expect.any(Number)])

    await backUp('app', { store })
    expect(await attempt()).toEqual([1, expect.any(Number)])
  })

  it('forget a database whose backups are gone, and say when the newest is gone', async () => {
    await using place = await temporaryStore()
    const { store } = place
    const { metrics, read } = start()
    // What ended in the very millisecond in which the store is read goes before what the store says.
    const now = (): Date => new Date(Date.now() + 1)
    const first = await backUp('app', { store, hooks: [metrics] })
    const second = await backUp('app', { store, hooks: [metrics] })
    await store.delete([second.manifestKey])
    metrics.show(await metricsFromStore({ store, now }))
    expect(valueOf(await read(), 'last_success_timestamp_seconds')).toBe(
      Date.parse(first.manifest.finishedAt) / 1000,
    )
    await store.delete([first.manifestKey])
    metrics.show(await metricsFromStore({ store, now }))
    expect(newestGood(await read())).toEqual(NEWEST_GOOD.map(() => undefined))
  })

  it('show nothing but counters of a database that they are told to forget', async () => {
    await using place = await temporaryStore()
    const { store } = place
    const { metrics, read } = start()
    await backUp('app', { store, hooks: [metrics] })
    await expect(backUp('app', { store, hooks: [metrics], ...abortedWhenPublishing() })).rejects.toThrow(
      'stopped',
    )
    metrics.forget({ cluster: 'main', database: 'app' })
    const shown = (await read()).split('\n').filter((line) => line.includes('database="app"'))
    expect(shown.filter((line) => !line.startsWith('ops_backup_failures_total'))).toEqual([])
    expect(shown).toContain('ops_backup_failures_total{cluster="main",database="app",code="ABORTED"} 1')
  })

  it('have no rows where none were counted', async () => {
    await using place = await temporaryStore()
    const { metrics, read } = start()
    await backUp('app', { store: place.store, hooks: [metrics] })
    expect(valueOf(await read(), 'rows')).toBe(500)
    await backUp('app', { store: place.store, hooks: [metrics], digest: false })
    expect(valueOf(await read(), 'rows')).toBeUndefined()
  })
})

it('metricsFromStore passes over a manifest that cannot be read, and warns', async () => {
  await using place = await temporaryStore()
  const { store } = place
  const good = await backUp('app', { store })
  const bad = await backUp('app', { store })
  const file = new URL(bad.manifestKey, `${store.url}/`)
  await writeFile(file, (await readFile(file)).subarray(0, 100))
  const said: string[] = []
  const ignore = (): void => undefined
  const { backups } = await metricsFromStore({
    store,
    logger: {
      debug: ignore,
      info: ignore,
      error: ignore,
      warn: (_fields, message) => void said.push(message),
    },
  })
  expect(backups).toMatchObject([{ database: 'app', id: good.id, rows: 500 }])
  expect(said).toEqual([expect.stringContaining(bad.id)])
})
