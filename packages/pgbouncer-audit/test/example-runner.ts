import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable } from 'drizzle-orm/pg-core'
import knexFactory, { type Knex } from 'knex'
import { runner as migrate } from 'node-pg-migrate'
import pg from 'pg'
import postgresFactory, { type Sql } from 'postgres'
import type { PgBouncer, Postgres } from '@ops/testbed'

type Example = (...args: readonly unknown[]) => Promise<void>
const AsyncFunction = (async () => undefined).constructor as new (...args: readonly string[]) => Example

const ordersTable = pgTable('orders', { id: integer() })

let databases = 0

/** Runs an example's code against real servers, in a database of its own. */
export async function runExample(code: string, postgres: Postgres, pgbouncer: PgBouncer): Promise<void> {
  databases += 1
  const database = `example_${databases}`
  await postgres.createDatabase(database)
  await using opened = trackConnections(pgbouncer.url(database))
  await prepareDatabase(postgres, database)
  await opened.alice.connect()
  await opened.bob.connect()
  const migrations = mkdtempSync(join(tmpdir(), 'ops-audit-'))
  writeFileSync(
    join(migrations, '1_notes.sql'),
    '-- Up Migration\nCREATE TABLE notes (id int);\n-- Down Migration\nDROP TABLE notes;\n',
  )
  const names = {
    assert,
    setTimeout,
    migrate,
    migrations,
    drizzle,
    ordersTable,
    url: pgbouncer.url(database),
    directUrl: postgres.url(database),
    bouncer: { query: (command: string) => pgbouncer.admin(command) },
    ...opened.names,
  }
  try {
    await new AsyncFunction(
      ...Object.keys(names),
      code.replaceAll('IN DATABASE app', `IN DATABASE ${database}`),
    )(...Object.values(names))
  } finally {
    rmSync(migrations, { recursive: true, force: true })
  }
}

async function prepareDatabase(postgres: Postgres, database: string): Promise<void> {
  const direct = new pg.Client(postgres.url(database))
  await direct.connect()
  await direct.query(`
    CREATE SCHEMA app;
    CREATE TABLE orders (id serial PRIMARY KEY);
    DO $$ BEGIN CREATE ROLE app_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$`)
  await direct.end()
}

interface Opened extends AsyncDisposable {
  readonly alice: pg.Client
  readonly bob: pg.Client
  readonly names: Record<string, unknown>
}

/** Hands out the libraries, and closes whatever was opened with them. */
function trackConnections(url: string): Opened {
  const closers: (() => Promise<unknown>)[] = []
  class TrackedClient extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config)
      this.on('error', () => undefined)
      closers.push(() => this.end())
    }
  }
  const postgres = (target: string, options: Record<string, unknown>): Sql => {
    const sql = postgresFactory(target, { ...options, onnotice: () => undefined })
    closers.push(() => sql.end({ timeout: 1 }))
    return sql
  }
  const knex = (config: Knex.Config): Knex => {
    const db = knexFactory(config)
    closers.push(() => db.destroy())
    return db
  }
  const [alice, bob] = [new TrackedClient(url), new TrackedClient(url)]
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  closers.push(() => pool.end())
  return {
    alice,
    bob,
    names: { alice, bob, pool, pg: { Client: TrackedClient }, postgres, knex },
    [Symbol.asyncDispose]: async () => {
      await Promise.allSettled(closers.map((close) => close()))
    },
  }
}
