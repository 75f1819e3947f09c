/**
 * Every setting of the `[pgbouncer]` section, from PgBouncer 1.8 to 1.26: its default, when it came and
 * went, and whether RELOAD suffices. From PgBouncer's sources (`src/main.c`) of each release, and from
 * SHOW CONFIG of 1.26.1.
 */
import { isAtLeast } from './read-pgbouncer.ts'

export interface Setting {
  readonly name: string
  /** `integer`, `seconds`, `boolean`, `text`, or the values that are allowed, separated by `|`. */
  readonly kind: string
  /** In the first release that has it. Empty: not set. */
  readonly default: string
  /** The first release that has it, where that is later than 1.8. */
  readonly since?: string
  /** The first release that does not have it any more. */
  readonly removed?: string
  /** Changing it takes a restart, in every release. */
  readonly restart?: true
  /** Since when RELOAD suffices, where once it did not. */
  readonly reloadableSince?: string
  /** Defaults that changed later, by release. */
  readonly changed?: Readonly<Record<string, string>>
}

/** What is assumed where no version is given: the newest that this package knows. */
export const LATEST_VERSION = '1.26.1'

export const SETTINGS: readonly Setting[] = [
  { name: 'admin_users', kind: 'text', default: '' },
  { name: 'application_name_add_host', kind: 'boolean', default: '0' },
  { name: 'auth_dbname', kind: 'text', default: '', since: '1.19.0' },
  { name: 'auth_file', kind: 'text', default: '' },
  { name: 'auth_hba_file', kind: 'text', default: '' },
  { name: 'auth_ident_file', kind: 'text', default: '', since: '1.23.0' },
  { name: 'auth_ldap_options', kind: 'text', default: '', since: '1.25.0' },
  {
    name: 'auth_query',
    kind: 'text',
    default: 'SELECT usename, passwd FROM pg_shadow WHERE usename=$1',
    changed: {
      '1.24.1':
        'SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END FROM pg_authid WHERE rolname=$1 AND rolcanlogin',
    },
  },
  { name: 'auth_type', kind: 'any|trust|plain|md5|cert|hba|pam|scram-sha-256|ldap|peer', default: 'md5' },
  { name: 'auth_user', kind: 'text', default: '' },
  { name: 'autodb_idle_timeout', kind: 'seconds', default: '3600' },
  { name: 'cancel_wait_timeout', kind: 'seconds', default: '10', since: '1.19.0' },
  { name: 'client_idle_timeout', kind: 'seconds', default: '0' },
  { name: 'client_login_timeout', kind: 'seconds', default: '60' },
  { name: 'client_tls13_ciphers', kind: 'text', default: '', since: '1.25.0' },
  { name: 'client_tls_ca_file', kind: 'text', default: '', reloadableSince: '1.16.0' },
  { name: 'client_tls_cert_file', kind: 'text', default: '', reloadableSince: '1.16.0' },
  {
    name: 'client_tls_ciphers',
    kind: 'text',
    default: 'fast',
    reloadableSince: '1.16.0',
    changed: { '1.21.0': 'default' },
  },
  { name: 'client_tls_dheparams', kind: 'text', default: 'auto', reloadableSince: '1.16.0' },
  { name: 'client_tls_ecdhcurve', kind: 'text', default: 'auto', reloadableSince: '1.16.0' },
  { name: 'client_tls_key_file', kind: 'text', default: '', reloadableSince: '1.16.0' },
  {
    name: 'client_tls_protocols',
    kind: 'text',
    default: 'all',
    reloadableSince: '1.16.0',
    changed: { '1.14.0': 'secure' },
  },
  {
    name: 'client_tls_sslmode',
    kind: 'disable|allow|prefer|require|verify-ca|verify-full',
    default: 'disable',
    reloadableSince: '1.16.0',
  },
  { name: 'conffile', kind: 'text', default: '' },
  { name: 'default_pool_size', kind: 'integer', default: '20' },
  { name: 'disable_pqexec', kind: 'boolean', default: '0', restart: true },
  { name: 'dns_max_ttl', kind: 'seconds', default: '15' },
  { name: 'dns_nxdomain_ttl', kind: 'seconds', default: '15' },
  { name: 'dns_zone_check_period', kind: 'seconds', default: '0' },
  { name: 'idle_transaction_timeout', kind: 'seconds', default: '0' },
  { name: 'ignore_startup_parameters', kind: 'text', default: '' },
  { name: 'job_name', kind: 'text', default: 'pgbouncer', restart: true },
  { name: 'listen_addr', kind: 'text', default: '', restart: true },
  { name: 'listen_backlog', kind: 'integer', default: '128', restart: true },
  { name: 'listen_port', kind: 'integer', default: '6432', restart: true },
  { name: 'log_connections', kind: 'boolean', default: '1' },
  { name: 'log_disconnections', kind: 'boolean', default: '1' },
  { name: 'log_pooler_errors', kind: 'boolean', default: '1' },
  { name: 'log_stats', kind: 'boolean', default: '1', since: '1.11.0' },
  { name: 'logfile', kind: 'text', default: '' },
  { name: 'login_notify_message', kind: 'text', default: '', since: '1.26.0' },
  { name: 'max_client_conn', kind: 'integer', default: '100' },
  { name: 'max_db_client_connections', kind: 'integer', default: '0', since: '1.24.0' },
  { name: 'max_db_connections', kind: 'integer', default: '0' },
  { name: 'max_packet_size', kind: 'integer', default: '2147483647' },
  {
    name: 'max_prepared_statements',
    kind: 'integer',
    default: '0',
    since: '1.21.0',
    changed: { '1.24.0': '200' },
  },
  { name: 'max_user_client_connections', kind: 'integer', default: '0', since: '1.24.0' },
  { name: 'max_user_connections', kind: 'integer', default: '0' },
  { name: 'min_pool_size', kind: 'integer', default: '0' },
  { name: 'peer_id', kind: 'integer', default: '0', since: '1.19.0' },
  { name: 'pidfile', kind: 'text', default: '', restart: true },
  { name: 'pkt_buf', kind: 'integer', default: '4096', restart: true },
  { name: 'pool_idle_timeout', kind: 'seconds', default: '0', since: '1.26.0' },
  { name: 'pool_mode', kind: 'session|transaction|statement', default: 'session' },
  { name: 'query_timeout', kind: 'seconds', default: '0' },
  { name: 'query_wait_notify', kind: 'seconds', default: '5', since: '1.25.0' },
  { name: 'query_wait_timeout', kind: 'seconds', default: '120' },
  { name: 'reserve_pool_size', kind: 'integer', default: '0' },
  { name: 'reserve_pool_timeout', kind: 'seconds', default: '5' },
  { name: 'resolv_conf', kind: 'text', default: '', since: '1.12.0', restart: true },
  { name: 'sbuf_loopcnt', kind: 'integer', default: '5' },
  { name: 'scram_iterations', kind: 'integer', default: '4096', since: '1.25.0' },
  { name: 'server_check_delay', kind: 'seconds', default: '30' },
  { name: 'server_check_query', kind: 'text', default: 'select 1', changed: { '1.25.0': '<empty>' } },
  { name: 'server_connect_timeout', kind: 'seconds', default: '15' },
  { name: 'server_fast_close', kind: 'boolean', default: '0', since: '1.9.0' },
  { name: 'server_idle_timeout', kind: 'seconds', default: '600' },
  { name: 'server_lifetime', kind: 'seconds', default: '3600' },
  { name: 'server_login_retry', kind: 'seconds', default: '15' },
  { name: 'server_reset_query', kind: 'text', default: 'DISCARD ALL' },
  { name: 'server_reset_query_always', kind: 'boolean', default: '0' },
  { name: 'server_round_robin', kind: 'boolean', default: '0' },
  { name: 'server_tls13_ciphers', kind: 'text', default: '', since: '1.25.0' },
  { name: 'server_tls_ca_file', kind: 'text', default: '', reloadableSince: '1.16.0' },
  { name: 'server_tls_cert_file', kind: 'text', default: '', reloadableSince: '1.16.0' },
  {
    name: 'server_tls_ciphers',
    kind: 'text',
    default: 'fast',
    reloadableSince: '1.16.0',
    changed: { '1.21.0': 'default' },
  },
  { name: 'server_tls_key_file', kind: 'text', default: '', reloadableSince: '1.16.0' },
  {
    name: 'server_tls_protocols',
    kind: 'text',
    default: 'all',
    reloadableSince: '1.16.0',
    changed: { '1.14.0': 'secure' },
  },
  {
    name: 'server_tls_sslmode',
    kind: 'disable|allow|prefer|require|verify-ca|verify-full',
    default: 'disable',
    reloadableSince: '1.16.0',
    changed: { '1.20.0': 'prefer' },
  },
  { name: 'service_name', kind: 'text', default: '', restart: true },
  { name: 'so_reuseport', kind: 'boolean', default: '0', since: '1.12.0', restart: true },
  { name: 'stats_period', kind: 'integer', default: '60' },
  { name: 'stats_users', kind: 'text', default: '' },
  { name: 'suspend_timeout', kind: 'seconds', default: '10', removed: '1.26.0' },
  { name: 'syslog', kind: 'boolean', default: '0' },
  { name: 'syslog_facility', kind: 'text', default: 'daemon' },
  { name: 'syslog_ident', kind: 'text', default: 'pgbouncer' },
  { name: 'tcp_defer_accept', kind: 'boolean', default: '', changed: { '1.17.0': '1' } },
  { name: 'tcp_keepalive', kind: 'boolean', default: '1' },
  { name: 'tcp_keepcnt', kind: 'integer', default: '0' },
  { name: 'tcp_keepidle', kind: 'integer', default: '0' },
  { name: 'tcp_keepintvl', kind: 'integer', default: '0' },
  { name: 'tcp_socket_buffer', kind: 'integer', default: '0' },
  { name: 'tcp_user_timeout', kind: 'integer', default: '0', since: '1.14.0' },
  {
    name: 'track_extra_parameters',
    kind: 'text',
    default: 'IntervalStyle',
    since: '1.20.0',
    restart: true,
    changed: { '1.26.0': '' },
  },
  { name: 'transaction_timeout', kind: 'seconds', default: '0', since: '1.25.0' },
  { name: 'unix_socket_dir', kind: 'text', default: '/tmp', restart: true },
  { name: 'unix_socket_group', kind: 'text', default: '', restart: true },
  { name: 'unix_socket_mode', kind: 'text', default: '0777', restart: true },
  { name: 'user', kind: 'text', default: '', restart: true },
  { name: 'verbose', kind: 'integer', default: '' },
]

const BY_NAME: ReadonlyMap<string, Setting> = new Map(SETTINGS.map((setting) => [setting.name, setting]))

export function findSetting(name: string): Setting | undefined {
  return BY_NAME.get(name)
}

export function existsIn(setting: Setting, version: string): boolean {
  const { since, removed } = setting
  return (
    (since === undefined || isVersionAtLeast(version, since)) &&
    (removed === undefined || !isVersionAtLeast(version, removed))
  )
}

/** The default in that version; an empty string where nothing is set. */
export function defaultOf(name: string, version: string): string {
  const setting = BY_NAME.get(name)
  if (setting === undefined) return ''
  let value = setting.default
  for (const [since, changed] of Object.entries(setting.changed ?? {})) {
    if (isVersionAtLeast(version, since)) value = changed
  }
  return value
}

/** What makes PgBouncer use a changed setting. */
export type TakesEffect = 'reload' | 'restart'

/** What a change of it takes: RELOAD suffices, or PgBouncer has to be restarted. */
export function takesEffectOn({ restart, reloadableSince }: Setting, version: string): TakesEffect {
  const needsRestart =
    restart === true || (reloadableSince !== undefined && !isVersionAtLeast(version, reloadableSince))
  return needsRestart ? 'restart' : 'reload'
}

/** A setting of `[pgbouncer]`. */
export interface DescribedSetting {
  readonly name: string
  /** `integer`, `seconds`, `boolean`, `text`, or the values that are allowed, separated by `|`. */
  readonly kind: string
  /** An empty string where nothing is set. */
  readonly default: string
  readonly takesEffect: TakesEffect
}

/**
 * Every setting of `[pgbouncer]` that the version has. By default that is the newest that is known here.
 *
 * @example
 * ```ts
 * import { describeSettings } from '@ops/pgbouncer-stats'
 *
 * for (const { name, kind, takesEffect } of describeSettings({ version: '1.24.0' })) {
 *   console.log(name, kind, takesEffect)
 * }
 * ```
 */
export function describeSettings({
  version = LATEST_VERSION,
}: { version?: string } = {}): DescribedSetting[] {
  return SETTINGS.filter((setting) => existsIn(setting, version)).map((setting) => ({
    name: setting.name,
    kind: setting.kind,
    default: defaultOf(setting.name, version),
    takesEffect: takesEffectOn(setting, version),
  }))
}

export function isVersionAtLeast(version: string, wanted: string): boolean {
  return isAtLeast(version, wanted.split('.').map(Number))
}

/** A key of a line in `[databases]`, `[users]` or `[peers]`, and since when it may stand there. */
type Keys = Readonly<Record<string, string>>

const ALWAYS = '1.8.0'

export const DATABASE_KEYS: Keys = {
  dbname: ALWAYS,
  host: ALWAYS,
  port: ALWAYS,
  user: ALWAYS,
  password: ALWAYS,
  auth_user: ALWAYS,
  auth_query: '1.22.0',
  auth_dbname: '1.19.0',
  pool_size: ALWAYS,
  min_pool_size: '1.16.0',
  reserve_pool: ALWAYS,
  reserve_pool_size: '1.24.0',
  connect_query: ALWAYS,
  pool_mode: ALWAYS,
  max_db_connections: ALWAYS,
  max_db_client_connections: '1.24.0',
  server_lifetime: '1.23.0',
  load_balance_hosts: '1.24.0',
  query_wait_timeout: '1.26.0',
  client_encoding: ALWAYS,
  datestyle: ALWAYS,
  timezone: ALWAYS,
  application_name: ALWAYS,
}

export const USER_KEYS: Keys = {
  pool_mode: ALWAYS,
  max_user_connections: ALWAYS,
  pool_size: '1.23.0',
  reserve_pool_size: '1.24.0',
  max_user_client_connections: '1.24.0',
  query_timeout: '1.24.0',
  query_wait_timeout: '1.26.0',
  idle_transaction_timeout: '1.24.0',
  transaction_timeout: '1.25.0',
  client_idle_timeout: '1.24.0',
}

export const PEER_KEYS: Keys = { host: '1.19.0', port: '1.19.0', pool_size: '1.19.0' }
