/** Rules about pool modes, sizes, limits and timeouts. */
import { isVersionAtLeast } from './config-settings.ts'
import {
  atEntry,
  atSetting,
  placeOf,
  type LintContext,
  type LintedDatabase,
  type LintFinding,
} from './lint-context.ts'

export function lintPooling(context: LintContext): LintFinding[] {
  return [
    ...lintPoolMode(context),
    ...lintPreparedStatements(context),
    ...lintFileLimit(context),
    ...lintServerConnections(context),
    ...lintTimeouts(context),
    ...lintSizes(context),
  ]
}

function lintPoolMode(context: LintContext): LintFinding[] {
  const intended = context.facts.intendedPoolMode ?? 'transaction'
  if (intended !== 'transaction') return []
  const mode = context.value('pool_mode').toLowerCase()
  const why: Record<string, string> = {
    session: 'holds a server connection for as long as a client is connected',
    statement: 'refuses transactions of more than one statement',
  }
  const finding = (value: string, where: string): Omit<LintFinding, 'file' | 'line'> => ({
    rule: 'pool-mode',
    severity: 'warning',
    message: `${where} is ${value}, which ${why[value]}`,
    fix: 'set pool_mode = transaction',
  })
  const global =
    mode in why
      ? [
          atSetting(
            context,
            'pool_mode',
            finding(
              mode,
              context.entry('pool_mode') === undefined ? 'pool_mode is not set: it' : 'pool_mode',
            ),
          ),
        ]
      : []
  const own = [...context.databases, ...context.users].flatMap(({ entry, options }) => {
    const value = options.get('pool_mode')?.toLowerCase()
    return value !== undefined && value in why
      ? [atEntry(context, entry, finding(value, `pool_mode of "${entry.key}"`))]
      : []
  })
  return [...global, ...own]
}

/** From 1.21 on named prepared statements work in transaction mode, but until 1.24 only when switched on. */
function lintPreparedStatements(context: LintContext): LintFinding[] {
  const { version } = context
  if (!poolsByTransaction(context)) return []
  if (!isVersionAtLeast(version, '1.21')) {
    const message = `PgBouncer ${version} does not support named prepared statements in transaction mode`
    return [
      {
        rule: 'prepared-statements',
        severity: 'note',
        message,
        fix: 'upgrade to 1.21 or newer, or switch prepared statements off in the driver',
        ...placeOf(context, 'pool_mode'),
      },
    ]
  }
  if (context.number('max_prepared_statements') > 0) return []
  const isSet = context.entry('max_prepared_statements') !== undefined
  const message = isSet
    ? 'max_prepared_statements = 0: named prepared statements fail in transaction mode'
    : `max_prepared_statements is 0 by default in ${version}: named prepared statements fail in transaction mode`
  return [
    atSetting(context, 'max_prepared_statements', {
      rule: 'prepared-statements',
      severity: 'warning',
      message,
      fix: 'set max_prepared_statements = 200',
    }),
  ]
}

function poolsByTransaction(context: LintContext): boolean {
  const modes = [
    context.value('pool_mode'),
    ...context.databases.map(({ options }) => options.get('pool_mode') ?? ''),
  ]
  return modes.some((mode) => mode.toLowerCase() === 'transaction')
}

function lintFileLimit(context: LintContext): LintFinding[] {
  const limit = context.facts.openFilesLimit
  if (limit === undefined) return []
  const clients = context.number('max_client_conn')
  const servers = context.databases.reduce((sum, database) => sum + connectionsOf(context, database), 0)
  const needed = clients + servers + RESERVED_FILES
  if (needed <= limit) return []
  const message = `${clients} clients and ${servers} server connections need ${needed} open files, and the process may have ${limit}`
  return [
    {
      rule: 'file-limit',
      severity: 'error',
      message,
      fix: `raise LimitNOFILE to ${needed} or more and restart, or lower max_client_conn and RELOAD`,
      ...placeOf(context, 'max_client_conn'),
    },
  ]
}

/** Listening sockets, the log, DNS, and libevent's own. */
const RESERVED_FILES = 32

function lintServerConnections(context: LintContext): LintFinding[] {
  const { postgres } = context.facts
  if (postgres === undefined) return []
  const available = postgres.maxConnections - (postgres.reservedConnections ?? 3)
  const findings: LintFinding[] = []
  for (const [server, databases] of byServer(context.databases)) {
    const parts = databases.map((database) => ({
      name: database.name,
      connections: connectionsOf(context, database),
    }))
    const total = parts.reduce((sum, { connections }) => sum + connections, 0)
    if (total <= available) continue
    const sum = parts.map(({ name, connections }) => `${name} ${connections}`).join(' + ')
    const message = `the pools to ${server} add up to ${total} server connections (${sum}), and PostgreSQL has ${available} to give`
    const fix = `lower default_pool_size, or set max_db_connections so that the sum is at most ${available}`
    findings.push(
      atSetting(context, 'default_pool_size', {
        rule: 'too-many-server-connections',
        severity: 'error',
        message,
        fix,
      }),
    )
  }
  return findings
}

function byServer(databases: readonly LintedDatabase[]): Map<string, LintedDatabase[]> {
  const servers = new Map<string, LintedDatabase[]>()
  for (const database of databases) {
    const server = `${database.options.get('host') ?? 'the local socket'}:${database.options.get('port') ?? '5432'}`
    servers.set(server, [...(servers.get(server) ?? []), database])
  }
  return servers
}

/** The most server connections of one database: a pool for each user, or one where the user is forced. */
function connectionsOf(context: LintContext, { options }: LintedDatabase): number {
  const own = (key: string, setting: string): number =>
    Number(options.get(key) ?? context.value(setting)) || 0
  const reserve =
    Number(
      options.get('reserve_pool_size') ?? options.get('reserve_pool') ?? context.value('reserve_pool_size'),
    ) || 0
  const users = options.has('user') ? 1 : Math.max(1, context.facts.appUsers?.length ?? 1)
  const pools = users * (own('pool_size', 'default_pool_size') + reserve)
  const cap = own('max_db_connections', 'max_db_connections')
  return cap > 0 ? Math.min(cap, pools) : pools
}

function lintSizes(context: LintContext): LintFinding[] {
  const [min, size] = [context.number('min_pool_size'), context.number('default_pool_size')]
  const findings: LintFinding[] = []
  if (min > size) {
    const message = `min_pool_size (${min}) is larger than default_pool_size (${size}), which caps it`
    findings.push(
      atSetting(context, 'min_pool_size', {
        rule: 'pool-sizes',
        severity: 'warning',
        message,
        fix: 'make it smaller than default_pool_size',
      }),
    )
  }
  if (context.number('reserve_pool_size') > 0 && context.number('reserve_pool_timeout') === 0) {
    const message = 'reserve_pool_size is set, and reserve_pool_timeout = 0 keeps it from ever being used'
    findings.push(
      atSetting(context, 'reserve_pool_timeout', {
        rule: 'pool-sizes',
        severity: 'warning',
        message,
        fix: 'set reserve_pool_timeout to a few seconds',
      }),
    )
  }
  const clients = context.number('max_client_conn')
  if (clients < size) {
    const message = `max_client_conn (${clients}) is smaller than default_pool_size (${size}): the pool can never be full`
    findings.push(
      atSetting(context, 'max_client_conn', {
        rule: 'pool-sizes',
        severity: 'warning',
        message,
        fix: 'raise max_client_conn',
      }),
    )
  }
  return findings
}

interface TimeoutConflict {
  readonly shorter: string
  readonly longer: string
  readonly consequence: string
}

/** Pairs where the first must not be shorter than the second. */
const CONFLICTS: readonly TimeoutConflict[] = [
  {
    shorter: 'query_wait_timeout',
    longer: 'server_connect_timeout',
    consequence: 'clients are thrown out before a slow connect can succeed or fail',
  },
  {
    shorter: 'query_wait_timeout',
    longer: 'reserve_pool_timeout',
    consequence: 'clients are thrown out before the reserve pool helps them',
  },
  {
    shorter: 'client_login_timeout',
    longer: 'server_connect_timeout',
    consequence: 'clients are thrown out while PgBouncer still connects to look up their password',
  },
  {
    shorter: 'query_timeout',
    longer: 'idle_transaction_timeout',
    consequence: 'queries are cut off sooner than transactions that do nothing',
  },
  {
    shorter: 'transaction_timeout',
    longer: 'query_timeout',
    consequence: 'the transaction ends before the query may',
  },
  {
    shorter: 'transaction_timeout',
    longer: 'idle_transaction_timeout',
    consequence: 'idle_transaction_timeout never has an effect',
  },
  {
    shorter: 'client_idle_timeout',
    longer: 'idle_transaction_timeout',
    consequence: 'idle_transaction_timeout never has an effect',
  },
  {
    shorter: 'server_lifetime',
    longer: 'server_idle_timeout',
    consequence: 'server_idle_timeout never has an effect',
  },
]

function lintTimeouts(context: LintContext): LintFinding[] {
  const conflicts = CONFLICTS.flatMap(({ shorter, longer, consequence }) => {
    const [a, b] = [context.number(shorter), context.number(longer)]
    const isSet = context.entry(shorter) !== undefined || context.entry(longer) !== undefined
    // 0 switches a timeout off, and then it cannot be in the way.
    if (!isSet || !(a > 0) || !(b > 0) || a >= b) return []
    const message = `${shorter} (${a} s) is shorter than ${longer} (${b} s): ${consequence}`
    const where = context.entry(shorter) === undefined ? longer : shorter
    return [
      atSetting(context, where, {
        rule: 'timeout-conflict',
        severity: 'warning',
        message,
        fix: `make ${shorter} longer than ${longer}`,
      }),
    ]
  })
  if (context.entry('query_wait_timeout') === undefined || context.number('query_wait_timeout') !== 0)
    return conflicts
  const message = 'query_wait_timeout = 0: when PostgreSQL is down, clients wait for ever'
  return [
    ...conflicts,
    atSetting(context, 'query_wait_timeout', {
      rule: 'timeout-conflict',
      severity: 'warning',
      message,
      fix: 'set it to what the application can wait for, 120 at most',
    }),
  ]
}
