import {
  findPostgres,
  needs,
  startFaultProxy,
  startPostgres,
  startReplica,
  type Postgres,
} from '@ops/testbed'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createBackup, type BackupProgress } from '../src/create-backup.ts'
import { connectionTo, temporaryStore } from './harness.ts'
import { until } from './until.ts'

/** A backup from a streaming replica, which replays what the primary does meanwhile. */
let primary: Postgres
let replica: Postgres

beforeAll(async () => {
  if (findPostgres() === undefined) return
  primary = await startPostgres({ settings: { autovacuum: 'off' } })
  await primary.createDatabase('app')
  await primary.query(
    `CREATE TABLE people AS SELECT i AS id, repeat('x', 1000) AS name FROM generate_series(1, 20000) i`,
    'app',
  )
  // What stands in the way of replaying is cancelled at once; and said in German, where PostgreSQL speaks it.
  vi.stubEnv('LANGUAGE', 'de')
  replica = await startReplica({
    primary,
    settings: { max_standby_streaming_delay: '0', hot_standby_feedback: 'off' },
  })
  vi.unstubAllEnvs()
  await until(hasCaughtUp)
})

beforeEach((context) => needs(context, findPostgres() !== undefined, 'PostgreSQL is not installed'))

afterAll(async () => {
  await replica?.stop()
  await primary?.stop()
})

async function hasCaughtUp(): Promise<boolean> {
  const [at] = await primary.query('SELECT pg_current_wal_lsn() AS lsn')
  const [replayed] = await replica.query(
    `SELECT coalesce(pg_last_wal_replay_lsn() >= '${String(at!['lsn'])}', false) AS is`,
  )
  return replayed!['is'] === true
}

describe('a backup from a replica', () => {
  it('is one like any other, and its manifest says where it is from', async () => {
    await using place = await temporaryStore()
    const { store } = place
    const ofPrimary = await createBackup({ store, connection: connectionTo(primary, 'app') })
    await until(hasCaughtUp)
    const { manifest } = await createBackup({ store, connection: connectionTo(replica, 'app') })
    expect(ofPrimary.manifest.server).toMatchObject({ isStandby: false })
    expect(manifest.server).toMatchObject({
      isStandby: true,
      systemIdentifier: ofPrimary.manifest.server.systemIdentifier,
      timeline: 1,
    })
    expect(manifest.snapshotLsn).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/)
    expect(manifest.tables).toEqual(ofPrimary.manifest.tables)
  })

  /** Stops the flow in the middle of the table, and lets the primary do what the replica cannot replay beside it. */
  async function conflictingBackup(attempts: number) {
    const place = await temporaryStore()
    const network = await startFaultProxy({ target: { host: replica.host, port: replica.port } })
    network.throttle(4_000_000)
    const events: BackupProgress[] = []
    let conflict: Promise<void> | undefined
    const backup = createBackup({
      store: place.store,
      connection: { ...connectionTo(replica, 'app'), host: network.host, port: network.port },
      retry: { attempts, delayMs: 1 },
      onProgress: (event) => {
        events.push(event)
        if (event.phase !== 'dump' || event.rawBytes === 0 || conflict !== undefined) return
        network.stall()
        conflict = makeConflict().then(() => {
          network.heal()
          network.throttle(4_000_000)
        })
      },
    })
    return {
      backup,
      events,
      place,
      [Symbol.asyncDispose]: async () => {
        await network.stop()
        await place[Symbol.asyncDispose]()
      },
    }
  }

  /** The replica has received it, and cannot replay it while the dump's snapshot sees the rows. */
  async function makeConflict(): Promise<void> {
    await primary.query('DELETE FROM people WHERE id IN (SELECT id FROM people LIMIT 1000)', 'app')
    await primary.query('VACUUM people', 'app')
    const [at] = await primary.query('SELECT pg_current_wal_lsn() AS lsn')
    await until(async () => {
      const [received] = await replica.query(
        `SELECT pg_last_wal_receive_lsn() >= '${String(at!['lsn'])}' AS is`,
      )
      return received!['is'] === true
    })
  }

  it('that conflicts with replaying is explained, whatever language the server speaks', async () => {
    const division = await replica.query('SELECT 1 / 0').catch((error: Error) => error.message)
    const conflict =
      division === 'Division durch Null' ? 'Konflikt mit der Wiederherstellung' : 'conflict with recovery'
    await using run = await conflictingBackup(1)
    await expect(run.backup).rejects.toMatchObject({
      code: 'BACKUP_REPLICA_CONFLICT',
      message: expect.stringMatching(
        new RegExp(`${conflict}.*--attempts.*hot_standby_feedback = on.*max_standby_streaming_delay`, 's'),
      ) as string,
    })
    expect(await run.place.files()).toEqual([])
  })

  it('that conflicts with replaying is tried again, when that is asked for', async () => {
    await using run = await conflictingBackup(2)
    expect(await run.backup).toMatchObject({ database: 'app' })
    expect(run.events.filter(({ phase }) => phase === 'retry')).toMatchObject([
      { attempt: 1, attempts: 2, code: 'BACKUP_REPLICA_CONFLICT' },
    ])
    expect(await run.place.files()).toHaveLength(2)
  })
})
