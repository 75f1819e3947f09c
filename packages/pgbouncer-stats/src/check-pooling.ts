import { errorMessage } from '@ops/internal-error'
import { LEAK_CHECKS, leftoverChecks } from './check-leaks.ts'
import { backendOf, withClient, type PoolingClient, type PoolingEndpoint } from './pooling-client.ts'

/** Options of {@link checkPooling}. */
export interface CheckPoolingOptions {
  /** Through PgBouncer. */
  readonly pooled: PoolingEndpoint
  /** The same database without PgBouncer. */
  readonly direct: PoolingEndpoint
  /** Queries of each kind. @default 100 */
  readonly queries?: number
  /** Connections at once. @default 10 */
  readonly concurrency?: number
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
}

/** One property of transaction pooling, and whether it holds. */
export interface PoolingCheck {
  readonly name: string
  readonly ok: boolean
  /** Evidence, or what went wrong and what to do. */
  readonly message: string
}

/** What {@link checkPooling} found. */
export interface PoolingReport {
  readonly ok: boolean
  readonly checks: readonly PoolingCheck[]
}

export type Check = (options: Required<Omit<CheckPoolingOptions, 'signal'>>) => Promise<string>

/**
 * Proves that a URL really goes through PgBouncer in transaction mode: that connections are shared,
 * that every kind of query works, and that nothing of one client shows up in another.
 *
 * @example
 * ```ts
 * import pg from 'pg'
 * import { checkPooling } from '@ops/pgbouncer-stats'
 *
 * const endpoint = (connectionString: string) => ({
 *   connect: async () => {
 *     const client = new pg.Client({ connectionString })
 *     await client.connect()
 *     return client
 *   },
 * })
 * const { ok, checks } = await checkPooling({
 *   pooled: endpoint('postgres://app@localhost:6432/app'),
 *   direct: endpoint('postgres://app@localhost:5432/app'),
 * })
 * console.log(ok, checks)
 * ```
 */
export async function checkPooling(options: CheckPoolingOptions): Promise<PoolingReport> {
  const { pooled, direct, queries = 100, concurrency = 10, signal } = options
  signal?.throwIfAborted()
  const leftovers = leftoverChecks(pooled, concurrency).map(([name, work]) => outcome(name, work))
  const checks: PoolingCheck[] = await Promise.all(leftovers)
  for (const [name, check] of CHECKS) {
    signal?.throwIfAborted()
    checks.push(await outcome(name, check({ pooled, direct, queries, concurrency })))
  }
  return { ok: checks.every(({ ok }) => ok), checks }
}

async function outcome(name: string, work: Promise<string>): Promise<PoolingCheck> {
  try {
    return { name, ok: true, message: await work }
  } catch (error) {
    return { name, ok: false, message: errorMessage(error) }
  }
}

const CHECKS: readonly (readonly [string, Check])[] = [
  ['same-database', sameDatabase],
  ['server-connections-are-shared', sharesServers],
  [
    'plain',
    ({ pooled, queries }) =>
      repeat(pooled, queries, (client, n) => expectOne(client.query(`SELECT ${n} AS n`), n)),
  ],
  [
    'parameterised',
    ({ pooled, queries }) =>
      repeat(pooled, queries, (client, n) =>
        expectOne(client.query({ text: 'SELECT $1::int AS n', values: [n] }), n),
      ),
  ],
  ['named-prepared', namedPrepared],
  ['transactions', ({ pooled, queries }) => repeat(pooled, queries, inTransaction)],
  ['concurrent', concurrent],
  ...LEAK_CHECKS,
]

async function repeat(
  endpoint: PoolingEndpoint,
  times: number,
  work: (client: PoolingClient, n: number) => Promise<void>,
): Promise<string> {
  await withClient(endpoint, async (client) => {
    for (let n = 0; n < times; n += 1) await work(client, n)
  })
  return `${times} without an error`
}

async function expectOne(
  answer: Promise<{ rows: readonly Record<string, unknown>[] }>,
  n: number,
): Promise<void> {
  const { rows } = await answer
  if (rows.length !== 1 || Number(rows[0]!['n']) !== n)
    throw new Error(`asked for ${n} and got ${JSON.stringify(rows)}`)
}

async function sameDatabase({
  pooled,
  direct,
}: {
  pooled: PoolingEndpoint
  direct: PoolingEndpoint
}): Promise<string> {
  const ask = (endpoint: PoolingEndpoint): Promise<string> =>
    withClient(endpoint, async (client) => {
      const { rows } = await client.query(
        'SELECT current_database() AS database, system_identifier::text AS system FROM pg_control_system()',
      )
      return `${String(rows[0]!['database'])} of system ${String(rows[0]!['system'])}`
    })
  const [through, without] = [await ask(pooled), await ask(direct)]
  if (through !== without) throw new Error(`the pooled URL leads to ${through}, the direct one to ${without}`)
  return through
}

/**
 * Two clients that take turns: in transaction mode PgBouncer serves both by one server connection, the
 * last one used. A direct connection, or session mode, has a backend for each.
 */
async function sharesServers({
  pooled,
  direct,
}: {
  pooled: PoolingEndpoint
  direct: PoolingEndpoint
}): Promise<string> {
  const backends = async (endpoint: PoolingEndpoint): Promise<{ shared: boolean; turns: number }> =>
    withClient(endpoint, (one) =>
      withClient(endpoint, async (other) => {
        let shared = 0
        const turns = 20
        for (let turn = 0; turn < turns; turn += 1) {
          const pids = [await backendOf(one), await backendOf(other)]
          if (pids[0] === pids[1]) shared += 1
        }
        return { shared: shared > 0, turns }
      }),
    )
  if ((await backends(direct)).shared) {
    throw new Error('the direct URL shares backends among clients: it goes through a pooler as well')
  }
  const { shared, turns } = await backends(pooled)
  if (!shared) {
    throw new Error(
      `two clients that took ${turns} turns never had the same backend: this is a direct connection or session mode; set pool_mode = transaction`,
    )
  }
  return 'two connected clients were served by the same backend'
}

/** Named statements must follow the client to whichever server connection it gets. */
async function namedPrepared({
  pooled,
  queries,
  concurrency,
}: Required<Omit<CheckPoolingOptions, 'signal'>>): Promise<string> {
  const each = Math.max(1, Math.ceil(queries / concurrency))
  const run = (): Promise<string> =>
    repeat(pooled, each, (client, n) =>
      expectOne(client.query({ name: 'ops_check', text: 'SELECT $1::int AS n', values: [n] }), n),
    )
  try {
    await Promise.all(Array.from({ length: concurrency }, run))
  } catch (error) {
    throw new Error(
      `${errorMessage(error)}: named prepared statements need PgBouncer 1.21 and max_prepared_statements above 0`,
      { cause: error },
    )
  }
  return `${each * concurrency} over ${concurrency} clients without an error`
}

async function inTransaction(client: PoolingClient, n: number): Promise<void> {
  await client.query('BEGIN')
  const first = await backendOf(client)
  await expectOne(client.query({ text: 'SELECT $1::int AS n', values: [n] }), n)
  const second = await backendOf(client)
  await client.query(n % 2 === 0 ? 'COMMIT' : 'ROLLBACK')
  if (first !== second) throw new Error('the backend changed within a transaction: this is statement mode')
}

async function concurrent({
  pooled,
  queries,
  concurrency,
}: Required<Omit<CheckPoolingOptions, 'signal'>>): Promise<string> {
  const each = Math.max(1, Math.ceil(queries / concurrency))
  const run = (_: unknown, id: number): Promise<string> =>
    repeat(pooled, each, (client, n) =>
      expectOne(
        client.query({ text: 'SELECT $1::int AS n FROM pg_sleep(0.001)', values: [id * each + n] }),
        id * each + n,
      ),
    )
  await Promise.all(Array.from({ length: concurrency }, run))
  return `${each * concurrency} over ${concurrency} clients at once, each got its own answers`
}
