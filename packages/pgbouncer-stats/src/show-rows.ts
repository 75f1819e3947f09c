/**
 * The rows of PgBouncer's SHOW commands, typed. What a version does not have yet, or not any more, is
 * `null`; a column that this package does not know stands in `extra`, as text. Times are seconds with
 * their fraction; names follow PgBouncer's own, in camel case.
 * https://www.pgbouncer.org/usage.html#admin-console
 */

/** A count: a number as long as it is exact, a bigint beyond 2^53. */
export type Count = number | bigint

interface Extra {
  /** Columns of a newer PgBouncer, by their own names. */
  readonly extra: Readonly<Record<string, string | null>>
}

/** One pool: a pair of database and user. */
export interface PoolRow extends Extra {
  readonly database: string
  readonly user: string
  /** Linked to a server connection, or idle. */
  readonly clActive: number
  /** Have sent a query and have no server connection yet. */
  readonly clWaiting: number
  readonly clActiveCancelReq: number | null
  readonly clWaitingCancelReq: number | null
  readonly svActive: number
  readonly svActiveCancel: number | null
  readonly svBeingCanceled: number | null
  readonly svIdle: number
  readonly svUsed: number
  readonly svTested: number
  readonly svLogin: number
  /** How long the oldest waiting client waits. */
  readonly maxWaitSeconds: number
  readonly poolMode: string | null
  readonly loadBalanceHosts: string | null
}

/** Since PgBouncer started, for one database. */
export interface StatsTotalsRow extends Extra {
  readonly database: string
  readonly serverAssignmentCount: Count | null
  readonly xactCount: Count
  readonly queryCount: Count
  readonly bytesReceived: Count
  readonly bytesSent: Count
  readonly xactTimeSeconds: number
  readonly queryTimeSeconds: number
  /** Advances only when a client gets its server: for those who wait now, see `maxWaitSeconds`. */
  readonly waitTimeSeconds: number
  readonly clientParseCount: Count | null
  readonly serverParseCount: Count | null
  readonly bindCount: Count | null
  readonly clientLoginCount: Count | null
}

/** Per second over the last `stats_period`; times are per transaction, query or assignment. */
export type StatsAveragesRow = StatsTotalsRow

/** Both of the above side by side. */
export interface StatsRow extends Extra {
  readonly database: string
  readonly total: Omit<StatsTotalsRow, 'database' | 'extra'>
  readonly average: Omit<StatsTotalsRow, 'database' | 'extra'>
}

export interface DatabaseRow extends Extra {
  /** The name that clients use. */
  readonly name: string
  readonly host: string | null
  readonly port: number
  /** The name in PostgreSQL. */
  readonly database: string
  readonly forceUser: string | null
  readonly poolSize: number
  readonly minPoolSize: number | null
  readonly reservePoolSize: number
  readonly serverLifetimeSeconds: number | null
  readonly poolMode: string | null
  readonly loadBalanceHosts: string | null
  /** 0 means no limit. */
  readonly maxConnections: number
  readonly currentConnections: number
  readonly maxClientConnections: number | null
  readonly currentClientConnections: number | null
  readonly paused: boolean
  readonly disabled: boolean
}

export interface ListRow extends Extra {
  readonly list: string
  /** `dns_queries` may be negative. */
  readonly items: number
}

export interface ConfigRow extends Extra {
  readonly key: string
  readonly value: string | null
  readonly default: string | null
  /** Whether RELOAD or SET suffices; otherwise PgBouncer must be restarted. */
  readonly changeable: boolean
}

/** A client (SHOW CLIENTS) or a server connection (SHOW SERVERS). */
export interface SocketRow extends Extra {
  /** `C` or `S`. */
  readonly type: string
  readonly user: string | null
  readonly database: string | null
  readonly replication: string | null
  readonly state: string
  readonly addr: string | null
  readonly port: number
  readonly localAddr: string | null
  readonly localPort: number
  /** In PgBouncer's time zone, as PgBouncer writes it. */
  readonly connectTime: string | null
  readonly requestTime: string | null
  readonly waitSeconds: number
  readonly closeNeeded: boolean | null
  readonly ptr: string
  /** The `ptr` of the other side, when linked. */
  readonly link: string | null
  readonly remotePid: number
  readonly tls: string | null
  readonly applicationName: string | null
  readonly preparedStatements: number | null
  readonly id: Count | null
}

export interface UserRow extends Extra {
  readonly name: string
  readonly poolSize: number | null
  readonly reservePoolSize: number | null
  readonly poolMode: string | null
  readonly maxUserConnections: number | null
  readonly currentConnections: number | null
  readonly maxUserClientConnections: number | null
  readonly currentClientConnections: number | null
}

export interface StateRow extends Extra {
  /** `active`, `paused` or `suspended`. */
  readonly key: string
  readonly value: boolean
}

export interface VersionRow extends Extra {
  readonly version: string
}

export interface MemRow extends Extra {
  readonly name: string
  readonly sizeBytes: number
  readonly used: number
  readonly free: number
  readonly totalBytes: Count
}

export interface PeerRow extends Extra {
  readonly peerId: number
  readonly host: string | null
  readonly port: number
  readonly poolSize: number
}

export interface PeerPoolRow extends Extra {
  readonly peerId: number
  readonly clActiveCancelReq: number
  readonly clWaitingCancelReq: number
  readonly svActiveCancel: number
  readonly svLogin: number
}

export interface DnsHostRow extends Extra {
  readonly hostname: string
  readonly ttlSeconds: number
  readonly addrs: string | null
}

export interface DnsZoneRow extends Extra {
  readonly zonename: string
  readonly serial: number
  readonly count: number
}

export interface TotalRow extends Extra {
  readonly name: string
  readonly value: Count
}
