import { startFaultProxy, startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createBackup, type BackupResult, type CreateBackupOptions } from '../src/create-backup.ts'
import { connectionTo, temporaryStore } from './harness.ts'
import { holdLock } from './hold-lock.ts'
import { backUpAsHurriedRole } from './time-limits.ts'

/** A backup of a database that others are at work in. */
let server: Postgres

beforeAll(async () => {
  // It speaks German, where PostgreSQL has that: nothing hangs on the words of its messages.
  vi.stubEnv('LANGUAGE', 'de')
  server = await startPostgres()
  vi.unstubAllEnvs()
  await server.createDatabase('app')
  await server.query(
    `CREATE TABLE people AS SELECT i AS id, repeat('x', 1000) AS name FROM generate_series(1, 4000) i`,
    'app',
  )
})

afterAll(() => server?.stop())

async function backUp(options: Partial<CreateBackupOptions> = {}): Promise<BackupResult> {
  await using place = await temporaryStore()
  const connection = connectionTo(server, 'app')
  const backup = createBackup({ store: place.store, connection, ...options })
  // However it ends: all of it is there, or nothing.
  const files = await backup.then(
    () => 2,
    () => 0,
  )
  expect(await place.files()).toHaveLength(files)
  return backup
}

describe('a locked table', () => {
  it('ends the dump after lockTimeoutMs, and says who holds it', async () => {
    const lock = await holdLock(server, 'app', 'people')
    const [holder] = await server.query(
      `SELECT pid FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'people'::regclass`,
      'app',
    )
    try {
      await expect(backUp({ lockTimeoutMs: 300 })).rejects.toMatchObject({
        code: 'BACKUP_LOCK_TIMEOUT',
        message: expect.stringMatching(
          new RegExp(
            String.raw`waited 0.3 s for a lock on a table \(public\.people\): process ${String(holder!['pid'])} \(psql, as postgres, idle in transaction\), in a transaction since .* UTC, holds public\.people exclusively`,
          ),
        ) as string,
      })
    } finally {
      lock.release()
    }
  })

  it('is not waited for longer than silence is borne, without a lock timeout', async () => {
    const lock = await holdLock(server, 'app', 'people')
    try {
      await expect(backUp({ stallTimeoutMs: 3000 })).rejects.toMatchObject({
        code: 'BACKUP_DUMP_STALLED',
        message: expect.stringMatching(
          /sent nothing for 3 s; process \d+ .*holds public\.people exclusively/,
        ) as string,
      })
    } finally {
      lock.release()
    }
  })

  it('is waited for, whatever time limits the role has', async () => {
    expect(await backUpAsHurriedRole(server, 'app', 'people')).toMatchObject({ database: 'app' })
  })
})

describe('a rate limit', () => {
  it('lets the server rest: it sends no faster', async () => {
    // 4 MB of rows; what is read ahead of the limit are 2 MiB of blocks and the buffers of pipe and socket.
    const bytesPerSecond = 1_000_000
    const begun = performance.now()
    const { manifest } = await backUp({ rateLimitBytesPerSecond: bytesPerSecond })
    const seconds = (performance.now() - begun) / 1000
    expect(manifest.objects[0]!.rawBytes).toBeGreaterThan(4_000_000)
    // Never faster; how much slower is the machine's business.
    expect(manifest.objects[0]!.rawBytes / seconds).toBeLessThan(bytesPerSecond * 1.5)
  })
})

describe('a network that falls silent', () => {
  it.each(['while it is asked about the server', 'in the middle of the rows'])('%s', async (when) => {
    await using network = await startFaultProxy({ target: { host: server.host, port: server.port } })
    const { host, port } = network
    const inTheMiddle = when !== 'while it is asked about the server'
    if (inTheMiddle) network.throttle(2_000_000)
    const backup = backUp({
      connection: { ...connectionTo(server, 'app'), host, port },
      stallTimeoutMs: 3000,
      onProgress: (progress) => {
        if (inTheMiddle ? progress.phase === 'dump' && progress.rawBytes > 0 : progress.phase === 'connect')
          network.stall()
      },
    })
    await expect(backup).rejects.toMatchObject({
      code: inTheMiddle ? 'BACKUP_DUMP_STALLED' : 'BACKUP_CONNECT_FAILED',
    })
  })
})
