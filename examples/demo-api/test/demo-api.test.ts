import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { auditSource, createProfile } from '@ops/pgbouncer-audit'
import { startPgBouncer, startPostgres, type PgBouncer, type Postgres } from '@ops/testbed'
import { Client, Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Notes, type Note } from '../src/notes.ts'
import { createApi } from '../src/server.ts'

const SCHEMA = new URL('../../../docker/postgres/init.d/20-demo.sql', import.meta.url)

let postgres: Postgres
let pgbouncer: PgBouncer
let pool: Pool
let api: ReturnType<typeof createApi>
let origin: string

beforeAll(async () => {
  postgres = await startPostgres()
  await postgres.createDatabase('app')
  const schema = await readFile(SCHEMA, 'utf8')
  await postgres.query('CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gin', 'app')
  await postgres.query(schema.slice(schema.indexOf('CREATE TABLE')), 'app')
  pgbouncer = await startPgBouncer({
    postgres,
    settings: { pool_mode: 'transaction', default_pool_size: '2' },
  })
  pool = new Pool({ connectionString: pgbouncer.url('app'), max: 10 })
  api = createApi(new Notes(pool))
  // A connection that lay idle on a busy machine must not be closed under the next request.
  api.keepAliveTimeout = 0
  api.listen(0, '127.0.0.1')
  await once(api, 'listening')
  origin = `http://127.0.0.1:${(api.address() as AddressInfo).port}`
})

afterAll(async () => {
  api?.close()
  api?.closeAllConnections()
  await pool?.end()
  await pgbouncer?.stop()
  await postgres?.stop()
})

const post = (body: unknown): Promise<Response> =>
  fetch(`${origin}/notes`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })
const read = async (path: string): Promise<Note[]> => (await (await fetch(origin + path)).json()) as Note[]

describe('the demo API, through PgBouncer in transaction mode', () => {
  it('stores a note, gives it back, finds it by its words, and removes it', async () => {
    const created = await post({ body: 'water the ficus', tags: ['home'] })
    expect(created.status).toBe(201)
    const [note] = (await created.json()) as Note[]
    expect(await read(`/notes/${note!.id}`)).toMatchObject({ body: 'water the ficus', tags: ['home'] })
    expect(await read('/notes?search=FICUS')).toMatchObject([{ id: note!.id }])
    expect((await fetch(`${origin}/notes/${note!.id}`, { method: 'DELETE' })).status).toBe(204)
    expect((await fetch(`${origin}/notes/${note!.id}`)).status).toBe(404)
  })

  it('takes the search for what it is, not for a pattern', async () => {
    await post([{ body: '100 % sure' }, { body: '100 times sure' }])
    expect(await read(`/notes?search=${encodeURIComponent('100 %')}`)).toHaveLength(1)
    expect(await read(`/notes?search=${encodeURIComponent("'; DROP TABLE note; --")}`)).toEqual([])
  })

  it('adds a list of notes as a whole or not at all', async () => {
    // PostgreSQL refuses an index entry for the second; the first must not stay.
    await postgres.query("ALTER TABLE note ADD CONSTRAINT no_bad CHECK (body <> 'bad')", 'app')
    expect((await post([{ body: 'atomic' }, { body: 'bad' }])).status).toBe(503)
    expect(await read('/notes?search=atomic')).toEqual([])
  })

  it.each([
    ['no JSON', '{', 400],
    ['no body', { tags: [] }, 400],
    ['an empty body', { body: '' }, 400],
    ['a character that PostgreSQL has not', { body: 'a\0b' }, 400],
    ['tags that are none', { body: 'a', tags: [1] }, 400],
    ['more than is read', { body: 'a'.repeat(200_000) }, 413],
  ])('answers %s with the client’s mistake', async (_, body, status) => {
    expect((await post(body)).status).toBe(status)
  })

  it('serves many clients at once by fewer server connections than it has itself', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => post({ body: `crowd ${n}` })))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 100 }, () => 201))
    const ids = (await Promise.all(answers.map((answer) => answer.json() as Promise<Note[]>))).flat()
    const notes = await Promise.all(ids.map(({ id }) => read(`/notes/${id}`)))
    expect(notes).toHaveLength(100)
    const [row] = await postgres.query(
      "SELECT count(*) AS count FROM pg_stat_activity WHERE datname = 'app' AND pid <> pg_backend_pid()",
      'app',
    )
    expect(Number(row!['count'])).toBeLessThanOrEqual(2)
  })

  it('answers, and lives on, when the server is lost in the middle of a transaction', async () => {
    const blocker = new Client({ connectionString: postgres.url('app') })
    await blocker.connect()
    await blocker.query('BEGIN; LOCK TABLE note IN ACCESS EXCLUSIVE MODE')
    const lost = post({ body: 'lost' })
    await vi.waitFor(async () => {
      const ended = await postgres.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'app' AND wait_event_type = 'Lock'`,
      )
      expect(ended).toHaveLength(1)
    }, 30_000)
    expect((await lost).status).toBe(503)
    await blocker.end()
    expect((await post({ body: 'back again' })).status).toBe(201)
    expect(await read('/notes?search=lost')).toEqual([])
  })

  it('is ready while queries come back', async () => {
    expect((await fetch(`${origin}/healthz`)).status).toBe(200)
    expect((await fetch(`${origin}/readyz`)).status).toBe(200)
  })
})

it('has nothing in its code that transaction mode breaks', async () => {
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  const profile = createProfile({ version: '1.24', maxPreparedStatements: 200 })
  const { findings, stats } = await auditSource({ cwd, profile })
  expect({ findings, warnings: stats.warnings }).toEqual({ findings: [], warnings: [] })
})
