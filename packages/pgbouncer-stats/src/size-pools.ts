import { PgBouncerStatsError } from './error.ts'

/** What {@link sizePools} needs to know of the server and of those who connect. */
export interface SizePoolsInput {
  /** Cores of the PostgreSQL server. */
  readonly cpuCores: number
  /** Its `max_connections`. */
  readonly maxConnections: number
  /**
   * Connections that do not come through PgBouncer: superusers, replication, backups, monitoring,
   * migrations. @default 10
   */
  readonly reserved?: number
  /** Databases that applications use through PgBouncer. @default 1 */
  readonly databases?: number
  /** Users for each of them: every pair of database and user is a pool of its own. @default 1 */
  readonly users?: number
  /** PgBouncer processes in front of the same PostgreSQL. @default 1 */
  readonly pgbouncers?: number
  /** Processes of the application, each with a pool. @default 1 */
  readonly appInstances?: number
  /** The most connections of one such pool, as it is now; 0 if it is still to be chosen. @default 0 */
  readonly appPoolMax?: number
  /** I/O requests that the storage serves at once beside the cores; 1 for a disk or an SSD with data in cache. @default 1 */
  readonly effectiveSpindles?: number
  /** The part of the time that a connection borrowed from the app's pool is in a transaction. @default 0.5 */
  readonly transactionShare?: number
}

/** The advice of {@link sizePools}, with its arithmetic. */
export interface SizePoolsResult {
  /** For the `[pgbouncer]` section, of each PgBouncer. */
  readonly settings: {
    readonly default_pool_size: number
    readonly min_pool_size: number
    readonly reserve_pool_size: number
    readonly max_db_connections: number
    readonly max_client_conn: number
  }
  readonly app: {
    /** What `max` of the application's pool should be, in each process. */
    readonly poolMax: number
    /** Clients for each server connection, with the application's pools as they are (or as advised). */
    readonly clientsPerServerConnection: number
  }
  /** Server connections that PostgreSQL can give to PgBouncer. */
  readonly budget: number
  /** The most that PgBouncer can open with these settings; at most `budget`, unless a warning says so. */
  readonly worstCase: number
  /** How each number came about, line by line. */
  readonly arithmetic: readonly string[]
  readonly warnings: readonly { readonly code: SizeWarning; readonly message: string }[]
}

/** What is tight or impossible about the numbers that were given. */
export type SizeWarning = 'over-max-connections' | 'too-many-pools' | 'app-pool-too-large' | 'no-headroom'

/** More clients than this for each server connection only wait for each other. */
const MOST_CLIENTS_PER_SERVER = 10
/** Room for administrators, deployments that overlap, and reconnecting clients. */
const CLIENT_HEADROOM = 1.25

/**
 * Sizes PgBouncer's pools and the application's. Pure. The starting point is the number of
 * connections that a PostgreSQL server can work on at once, cores × 2 + spindles
 * (https://wiki.postgresql.org/wiki/Number_Of_Database_Connections), shared out among the pools; what
 * is left of `max_connections` is the limit that the sum never exceeds.
 *
 * @example
 * ```ts
 * import { sizePools } from '@ops/pgbouncer-stats'
 *
 * const { settings, arithmetic, warnings } = sizePools({
 *   cpuCores: 8,
 *   maxConnections: 100,
 *   appInstances: 4,
 *   appPoolMax: 20,
 * })
 * console.log(settings, arithmetic, warnings)
 * ```
 */
export function sizePools(input: SizePoolsInput): SizePoolsResult {
  const facts = checked(input)
  const { cpuCores, maxConnections, reserved, databases, users, pgbouncers, appInstances, appPoolMax } = facts
  const pools = databases * users * pgbouncers
  const budget = Math.max(0, maxConnections - reserved)
  const target = Math.floor(cpuCores * 2 + facts.effectiveSpindles)
  const usable = Math.min(target, budget)
  const poolSize = Math.max(1, Math.floor(usable / pools))
  const minPoolSize = poolSize > 1 ? Math.max(1, Math.floor(poolSize / 4)) : 0
  const perDatabase = Math.max(1, Math.floor(budget / (databases * pgbouncers)))
  const spare = Math.max(0, Math.floor(budget / pools) - poolSize)
  const reservePoolSize = Math.min(spare, Math.max(1, Math.ceil(poolSize / 4)))
  const maxDbConnections = Math.min(perDatabase, users * (poolSize + reservePoolSize))
  const worstCase = pgbouncers * databases * Math.min(users * (poolSize + reservePoolSize), maxDbConnections)

  const serving = pgbouncers * databases * Math.min(users * poolSize, maxDbConnections)
  const advisedPoolMax = Math.max(1, Math.floor(serving / facts.transactionShare / appInstances))
  const clients = appInstances * (appPoolMax > 0 ? appPoolMax : advisedPoolMax)
  // When one of several PgBouncers is away, the others take its clients.
  const sharing = Math.max(1, pgbouncers - 1)
  const maxClientConn = Math.max(poolSize, Math.ceil((clients * CLIENT_HEADROOM) / sharing)) + 10
  const ratio = clients / serving

  return {
    settings: {
      default_pool_size: poolSize,
      min_pool_size: minPoolSize,
      reserve_pool_size: reservePoolSize,
      max_db_connections: maxDbConnections,
      max_client_conn: maxClientConn,
    },
    app: { poolMax: advisedPoolMax, clientsPerServerConnection: Math.round(ratio * 100) / 100 },
    budget,
    worstCase,
    arithmetic: [
      `PostgreSQL can give ${maxConnections} − ${reserved} reserved = ${budget} connections to PgBouncer`,
      `it works on ${cpuCores} cores × 2 + ${facts.effectiveSpindles} = ${target} at once; more only wait inside PostgreSQL`,
      `${databases} databases × ${users} users × ${pgbouncers} PgBouncers = ${pools} pools`,
      `default_pool_size = max(1, ⌊min(${target}, ${budget}) ÷ ${pools}⌋) = ${poolSize}`,
      `min_pool_size = a quarter of it = ${minPoolSize}, so that the first burst does not wait for logins`,
      `reserve_pool_size = a quarter of it, as far as the budget goes = ${reservePoolSize}`,
      `max_db_connections = min(⌊${budget} ÷ (${databases} × ${pgbouncers})⌋, ${users} × (${poolSize} + ${reservePoolSize})) = ${maxDbConnections}`,
      `worst case: ${pgbouncers} × ${databases} × ${maxDbConnections} = ${worstCase} of ${budget} connections`,
      `the application's pool: ${serving} ÷ ${facts.transactionShare} ÷ ${appInstances} instances = ${advisedPoolMax} each`,
      `max_client_conn = ⌈${clients} clients × ${CLIENT_HEADROOM} ÷ ${sharing}⌉ + 10 = ${maxClientConn}`,
    ],
    warnings: warningsOf({
      budget,
      worstCase,
      pools,
      target,
      poolSize,
      reservePoolSize,
      clients,
      serving,
      ratio,
      advisedPoolMax,
    }),
  }
}

interface Sizes {
  readonly budget: number
  readonly worstCase: number
  readonly pools: number
  readonly target: number
  readonly poolSize: number
  readonly reservePoolSize: number
  readonly clients: number
  readonly serving: number
  readonly ratio: number
  readonly advisedPoolMax: number
}

function warningsOf(sizes: Sizes): { code: SizeWarning; message: string }[] {
  const { budget, worstCase, pools, target, reservePoolSize, clients, serving, ratio, advisedPoolMax } = sizes
  const warnings: { code: SizeWarning; message: string }[] = []
  if (worstCase > budget) {
    const message = `the pools can open ${worstCase} connections and PostgreSQL has ${budget} to give: raise max_connections, or use fewer users and databases`
    warnings.push({ code: 'over-max-connections', message })
  }
  if (pools > target) {
    const message = `${pools} pools share ${target} connections' worth of work, so that each has only one: let applications share a user, or force one with user= in [databases]`
    warnings.push({ code: 'too-many-pools', message })
  }
  if (ratio > MOST_CLIENTS_PER_SERVER) {
    const message = `${clients} clients share ${serving} server connections (${ratio.toFixed(1)} each): they can only wait for each other; lower the application's pool to about ${advisedPoolMax}`
    warnings.push({ code: 'app-pool-too-large', message })
  }
  if (worstCase <= budget && reservePoolSize === 0) {
    warnings.push({
      code: 'no-headroom',
      message: 'nothing is left for a reserve pool: a burst waits until a connection is free',
    })
  }
  return warnings
}

function checked(input: SizePoolsInput): Required<SizePoolsInput> {
  const facts: Required<SizePoolsInput> = {
    cpuCores: input.cpuCores,
    maxConnections: input.maxConnections,
    reserved: input.reserved ?? 10,
    databases: input.databases ?? 1,
    users: input.users ?? 1,
    pgbouncers: input.pgbouncers ?? 1,
    appInstances: input.appInstances ?? 1,
    appPoolMax: input.appPoolMax ?? 0,
    effectiveSpindles: input.effectiveSpindles ?? 1,
    transactionShare: input.transactionShare ?? 0.5,
  }
  const { transactionShare, cpuCores, effectiveSpindles, ...counts } = facts
  for (const [name, value] of Object.entries(counts)) {
    const least = name === 'appPoolMax' || name === 'reserved' ? 0 : 1
    if (!Number.isInteger(value) || value < least)
      throw badInput(name, `a whole number of ${least} or more`, value)
  }
  if (!(cpuCores > 0) || !Number.isFinite(cpuCores)) throw badInput('cpuCores', 'more than 0', cpuCores)
  if (!(effectiveSpindles >= 0) || !Number.isFinite(effectiveSpindles))
    throw badInput('effectiveSpindles', '0 or more', effectiveSpindles)
  if (!(transactionShare > 0 && transactionShare <= 1))
    throw badInput('transactionShare', 'above 0 and at most 1', transactionShare)
  return facts
}

function badInput(name: string, wanted: string, value: number): PgBouncerStatsError {
  return new PgBouncerStatsError('PGBOUNCER_BAD_OPTIONS', `${name} must be ${wanted}, not ${value}`)
}
