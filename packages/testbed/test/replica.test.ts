import { expect, it } from 'vitest'
import { findPostgres, needs, startPostgres, startReplica } from '../src/index.ts'

it('a replica follows its primary, and is read-only', async (context) => {
  needs(context, findPostgres() !== undefined, 'PostgreSQL is not installed')
  await using primary = await startPostgres()
  await using replica = await startReplica({ primary, settings: { max_standby_streaming_delay: '1s' } })
  await primary.query('CREATE TABLE people AS SELECT 1 AS id')
  const follows = async (): Promise<unknown> =>
    await replica.query('SELECT id FROM people').catch(() => undefined)
  await expect.poll(follows, { timeout: 30_000 }).toEqual([{ id: 1 }])
  expect(await replica.query('SELECT pg_is_in_recovery() AS follows')).toEqual([{ follows: true }])
  expect(await replica.query('SHOW max_standby_streaming_delay')).toEqual([
    { max_standby_streaming_delay: '1s' },
  ])
  await expect(replica.query('CREATE TABLE more ()')).rejects.toThrow('read-only')
})
