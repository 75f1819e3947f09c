import {
  count,
  flag,
  int,
  microseconds,
  optionalCount,
  optionalFlag,
  optionalInt,
  optionalText,
  secondsAndMicroseconds,
  text,
  toRows,
  type Shape,
} from './row-shape.ts'
import type { ConsoleResult } from './console.ts'
import type {
  ConfigRow,
  DatabaseRow,
  DnsHostRow,
  DnsZoneRow,
  ListRow,
  MemRow,
  PeerPoolRow,
  PeerRow,
  PoolRow,
  SocketRow,
  StateRow,
  StatsAveragesRow,
  StatsRow,
  StatsTotalsRow,
  TotalRow,
  UserRow,
  VersionRow,
} from './show-rows.ts'

/** What each SHOW command gives, under the name that a snapshot has it by. */
export interface ShowRows {
  readonly version: readonly VersionRow[]
  readonly state: readonly StateRow[]
  readonly lists: readonly ListRow[]
  readonly config: readonly ConfigRow[]
  readonly databases: readonly DatabaseRow[]
  readonly users: readonly UserRow[]
  readonly pools: readonly PoolRow[]
  readonly peers: readonly PeerRow[]
  readonly peerPools: readonly PeerPoolRow[]
  readonly stats: readonly StatsRow[]
  readonly statsTotals: readonly StatsTotalsRow[]
  readonly statsAverages: readonly StatsAveragesRow[]
  readonly totals: readonly TotalRow[]
  readonly clients: readonly SocketRow[]
  readonly servers: readonly SocketRow[]
  readonly sockets: readonly SocketRow[]
  readonly activeSockets: readonly SocketRow[]
  readonly mem: readonly MemRow[]
  readonly dnsHosts: readonly DnsHostRow[]
  readonly dnsZones: readonly DnsZoneRow[]
}

/** What of a {@link Snapshot} can be read by a SHOW command of its own. */
export type ShowName = keyof ShowRows

interface ShowCommand<Rows> {
  readonly command: string
  /** The first PgBouncer that has it, where that is later than 1.12. */
  readonly since?: readonly [number, number]
  rows(result: ConsoleResult): Rows
}

/** Every SHOW command but HELP, which gives no rows, and FDS, which blocks PgBouncer's event loop. */
export const SHOW_COMMANDS: { readonly [Name in ShowName]: ShowCommand<ShowRows[Name]> } = {
  version: show('SHOW VERSION', { version: text('version') } satisfies Shape<VersionRow>),
  state: {
    ...show('SHOW STATE', { key: text('key'), value: flag('value') } satisfies Shape<StateRow>),
    since: [1, 19],
  },
  lists: show('SHOW LISTS', { list: text('list'), items: int('items') } satisfies Shape<ListRow>),
  config: show<ConfigRow>('SHOW CONFIG', {
    key: text('key'),
    value: { names: ['value'], read: (value) => value },
    default: { names: ['default'], read: (value) => value },
    changeable: flag('changeable'),
  }),
  databases: show<DatabaseRow>('SHOW DATABASES', {
    name: text('name'),
    host: optionalText('host'),
    port: int('port'),
    database: text('database'),
    forceUser: optionalText('force_user'),
    poolSize: int('pool_size'),
    minPoolSize: optionalInt('min_pool_size'),
    reservePoolSize: int('reserve_pool_size', 'reserve_pool'),
    serverLifetimeSeconds: optionalInt('server_lifetime'),
    poolMode: optionalText('pool_mode'),
    loadBalanceHosts: optionalText('load_balance_hosts'),
    maxConnections: int('max_connections'),
    currentConnections: int('current_connections'),
    maxClientConnections: optionalInt('max_client_connections'),
    currentClientConnections: optionalInt('current_client_connections'),
    paused: flag('paused'),
    disabled: flag('disabled'),
  }),
  users: show<UserRow>('SHOW USERS', {
    name: text('name'),
    poolSize: optionalInt('pool_size'),
    reservePoolSize: optionalInt('reserve_pool_size'),
    poolMode: optionalText('pool_mode'),
    maxUserConnections: optionalInt('max_user_connections'),
    currentConnections: optionalInt('current_connections'),
    maxUserClientConnections: optionalInt('max_user_client_connections'),
    currentClientConnections: optionalInt('current_client_connections'),
  }),
  pools: show<PoolRow>('SHOW POOLS', {
    database: text('database'),
    user: text('user'),
    clActive: int('cl_active'),
    clWaiting: int('cl_waiting'),
    clActiveCancelReq: optionalInt('cl_active_cancel_req'),
    // 1.16 and 1.17 had one column for both kinds, of which only waiting ones lasted.
    clWaitingCancelReq: optionalInt('cl_waiting_cancel_req', 'cl_cancel_req'),
    svActive: int('sv_active'),
    svActiveCancel: optionalInt('sv_active_cancel'),
    svBeingCanceled: optionalInt('sv_being_canceled'),
    svIdle: int('sv_idle'),
    svUsed: int('sv_used'),
    svTested: int('sv_tested'),
    svLogin: int('sv_login'),
    maxWaitSeconds: secondsAndMicroseconds('maxwait', 'maxwait_us'),
    poolMode: optionalText('pool_mode'),
    loadBalanceHosts: optionalText('load_balance_hosts'),
  }),
  peers: {
    ...show<PeerRow>('SHOW PEERS', {
      peerId: int('peer_id'),
      host: optionalText('host'),
      port: int('port'),
      poolSize: int('pool_size'),
    }),
    since: [1, 19],
  },
  peerPools: {
    ...show<PeerPoolRow>('SHOW PEER_POOLS', {
      peerId: int('peer_id', 'database'),
      clActiveCancelReq: int('cl_active_cancel_req'),
      clWaitingCancelReq: int('cl_waiting_cancel_req'),
      svActiveCancel: int('sv_active_cancel'),
      svLogin: int('sv_login'),
    }),
    since: [1, 19],
  },
  stats: { command: 'SHOW STATS', rows: statsRows },
  statsTotals: show<StatsTotalsRow>('SHOW STATS_TOTALS', { database: text('database'), ...statsShape('') }),
  statsAverages: show<StatsAveragesRow>('SHOW STATS_AVERAGES', {
    database: text('database'),
    ...statsShape('avg_'),
  }),
  totals: show<TotalRow>('SHOW TOTALS', { name: text('name'), value: count('value') }),
  clients: show<SocketRow>('SHOW CLIENTS', socketShape()),
  servers: show<SocketRow>('SHOW SERVERS', socketShape()),
  sockets: show<SocketRow>('SHOW SOCKETS', socketShape()),
  activeSockets: show<SocketRow>('SHOW ACTIVE_SOCKETS', socketShape()),
  mem: show<MemRow>('SHOW MEM', {
    name: text('name'),
    sizeBytes: int('size'),
    used: int('used'),
    free: int('free'),
    totalBytes: count('memtotal'),
  }),
  dnsHosts: show<DnsHostRow>('SHOW DNS_HOSTS', {
    hostname: text('hostname'),
    ttlSeconds: int('ttl'),
    addrs: optionalText('addrs'),
  }),
  dnsZones: show<DnsZoneRow>('SHOW DNS_ZONES', {
    zonename: text('zonename'),
    serial: int('serial'),
    count: int('count'),
  }),
}

function show<Row extends { readonly extra: object }>(
  command: string,
  shape: Shape<Row>,
): ShowCommand<Row[]> {
  return { command, rows: (result) => toRows(result, shape) }
}

type Statistics = Omit<StatsTotalsRow, 'database' | 'extra'>

/** The same twelve numbers bear slightly different names in STATS, STATS_TOTALS and STATS_AVERAGES. */
function statsShape(prefix: '' | 'total_' | 'avg_'): Shape<Statistics> {
  const names = (...plain: string[]): string[] => [...plain.map((name) => `${prefix}${name}`), ...plain]
  return {
    serverAssignmentCount: optionalCount(...names('server_assignment_count')),
    xactCount: count(...names('xact_count')),
    queryCount: count(...names('query_count')),
    bytesReceived: count(...names('received', 'recv', 'bytes_received')),
    bytesSent: count(...names('sent', 'bytes_sent')),
    xactTimeSeconds: microseconds(...names('xact_time')),
    queryTimeSeconds: microseconds(...names('query_time')),
    waitTimeSeconds: microseconds(...names('wait_time')),
    clientParseCount: optionalCount(...names('client_parse_count')),
    serverParseCount: optionalCount(...names('server_parse_count')),
    bindCount: optionalCount(...names('bind_count')),
    clientLoginCount: optionalCount(...names('client_login_count')),
  }
}

type Unknown = { readonly extra: Readonly<Record<string, string | null>> }

function statsRows(result: ConsoleResult): StatsRow[] {
  const databases = toRows<{ database: string } & Unknown>(result, { database: text('database') })
  const totals = toRows<Statistics & Unknown>(result, statsShape('total_'))
  const averages = toRows<Statistics & Unknown>(result, statsShape('avg_'))
  return databases.map(({ database }, index) => {
    const { extra: notTotal, ...total } = totals[index]!
    const { extra: notAverage, ...average } = averages[index]!
    // What neither half knows is unknown.
    const unknown = Object.entries(notTotal).filter(([name]) => name !== 'database' && name in notAverage)
    return { database, total, average, extra: Object.fromEntries(unknown) }
  })
}

function socketShape(): Shape<SocketRow> {
  return {
    type: text('type'),
    user: optionalText('user'),
    database: optionalText('database'),
    replication: optionalText('replication'),
    state: text('state'),
    addr: optionalText('addr'),
    port: int('port'),
    localAddr: optionalText('local_addr'),
    localPort: int('local_port'),
    connectTime: optionalText('connect_time'),
    requestTime: optionalText('request_time'),
    waitSeconds: secondsAndMicroseconds('wait', 'wait_us'),
    closeNeeded: optionalFlag('close_needed'),
    ptr: text('ptr'),
    link: optionalText('link'),
    remotePid: int('remote_pid'),
    tls: optionalText('tls'),
    applicationName: optionalText('application_name'),
    preparedStatements: optionalInt('prepared_statements'),
    id: optionalCount('id'),
  }
}
