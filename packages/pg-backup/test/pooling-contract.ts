import {
  startPgBouncer,
  startPostgres,
  type PgBouncer,
  type PgBouncerOptions,
  type Postgres,
} from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PgConnection } from '../src/connection.ts'
import { createBackup } from '../src/create-backup.ts'
import { refuseTransactionPooling } from '../src/transaction-pooling.ts'
import { temporaryStore } from './harness.ts'

/** What a backup does behind PgBouncer, whatever its version. */
export function describePooling(options: Pick<PgBouncerOptions, 'mode' | 'version'>): void {
  let server: Postgres

  beforeAll(async () => {
    // In a container the oldest: pg_dump is this machine's own, and must not be older than the server.
    const { mode } = options
    server = await startPostgres(mode === 'container' ? { mode, version: 15 } : { mode })
    await server.createDatabase('app')
    await server.query(
      `CREATE TABLE people AS SELECT i AS id, decode('c0ffee', 'hex') AS photo, '2026-11-21 12:00Z'::timestamptz AS since FROM generate_series(1, 1000) i;
       ALTER DATABASE app SET timezone = 'Asia/Tokyo'`,
      'app',
    )
  })

  afterAll(() => server?.stop())

  const bouncer = (settings: Record<string, string>): Promise<PgBouncer> =>
    startPgBouncer({ ...options, postgres: server, settings })
  const through = ({ host, port }: PgBouncer): PgConnection => ({
    host,
    port,
    user: server.user,
    password: server.password,
    database: 'app',
  })

  describe.each([
    ['a pool that is empty', {}],
    ['server processes in turn', { server_round_robin: '1', min_pool_size: '3' }],
    ['options that are ignored', { ignore_startup_parameters: 'options' }],
  ])('with %s', (_name, settings) => {
    it.each(['transaction', 'statement'])(
      'a backup in %s mode is refused, with the reason',
      async (pool_mode) => {
        await using pooler = await bouncer({ ...settings, pool_mode })
        // A pool in use, as it is in production.
        await Promise.all(Array.from({ length: 4 }, () => pooler.query('SELECT 1', 'app')))
        await using place = await temporaryStore()
        await expect(createBackup({ store: place.store, connection: through(pooler) })).rejects.toMatchObject(
          {
            code: 'BACKUP_TRANSACTION_POOLING',
            message: expect.stringMatching(
              new RegExp(`^database "app" on 127.0.0.1:${pooler.port} .* connect to PostgreSQL itself`),
            ) as string,
          },
        )
        expect(await place.files()).toEqual([])
      },
    )

    it('a backup in session mode has the same digests as one without a pooler', async () => {
      await using pooler = await bouncer({ ...settings, pool_mode: 'session' })
      await using place = await temporaryStore()
      const { host, port } = server
      const direct = await createBackup({
        store: place.store,
        connection: { ...through(pooler), host, port },
      })
      const pooled = await createBackup({ store: place.store, connection: through(pooler) })
      expect(pooled.manifest.tables).toEqual(direct.manifest.tables)
    })
  })

  it('a pool that has but one place, in session mode, is taken', async () => {
    await using pooler = await bouncer({
      pool_mode: 'session',
      default_pool_size: '1',
      reserve_pool_size: '0',
    })
    await expect(refuseTransactionPooling({ connection: through(pooler) })).resolves.toBeUndefined()
  })
}
