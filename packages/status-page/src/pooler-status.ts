import { openConsole, readPgBouncer, type ConnectionOptions, type Snapshot } from '@ops/pgbouncer-stats'
import { createPoolerHistory } from './pooler-history.ts'
import type { PoolerStatus, PoolStatus } from './status.ts'

/** A PgBouncer that is looked at again and again. */
export interface WatchedPooler extends AsyncDisposable {
  /** Asks PgBouncer, and adds what it sees to the history. Rejects with an error of `@ops/pgbouncer-stats`. */
  read(signal?: AbortSignal): Promise<PoolerStatus>
}

/** The page waits for it. */
const PATIENCE_MS = 3000

/** Keeps one connection to PgBouncer's console, opened by the first read, and six hours of history. */
export function watchPooler(connection: ConnectionOptions): WatchedPooler {
  const console = openConsole(connection)
  const history = createPoolerHistory()
  return {
    async read(signal) {
      const snapshot = await readPgBouncer({
        console,
        show: ['pools', 'databases'],
        timeoutMs: PATIENCE_MS,
        signal,
      })
      const pools = poolsOf(snapshot)
      history.add(pools, Date.parse(snapshot.takenAt))
      return { name: snapshot.target, pools, history: history.samples() }
    },
    [Symbol.asyncDispose]: () => console[Symbol.asyncDispose](),
  }
}

/** All but the console's own, which nobody but those who look at it uses. */
function poolsOf({ pools = [], databases = [] }: Snapshot): PoolStatus[] {
  const sizes = new Map(databases.map(({ name, poolSize }) => [name, poolSize]))
  return pools
    .filter(({ database }) => database !== 'pgbouncer')
    .map((pool) => ({
      database: pool.database,
      user: pool.user,
      mode: pool.poolMode ?? null,
      clientsActive: pool.clActive,
      clientsWaiting: pool.clWaiting,
      serversActive: pool.svActive,
      serversIdle: pool.svIdle,
      size: sizes.get(pool.database) ?? 0,
      maxWaitSeconds: pool.maxWaitSeconds,
    }))
}
