import { isVersionAtLeast } from './config-settings.ts'

/** A published vulnerability, from PgBouncer's changelog. */
interface Cve {
  readonly id: string
  /** The first release that has it, where known. */
  readonly since?: string
  readonly fixed: string
  readonly summary: string
  /** Whether this configuration is affected; without it, every one is. */
  readonly affects?: (setting: (name: string) => string) => boolean
}

const CVES: readonly Cve[] = [
  {
    id: 'CVE-2021-3935',
    fixed: '1.16.1',
    summary: 'a man in the middle can inject SQL before TLS begins, where clients log in by certificate',
  },
  {
    id: 'CVE-2025-2291',
    fixed: '1.24.1',
    summary: 'auth_query lets in passwords whose VALID UNTIL is past',
    affects: (setting) =>
      setting('auth_user') !== '' && !/valuntil|rolvaliduntil/i.test(setting('auth_query')),
  },
  {
    id: 'CVE-2025-12819',
    since: '1.20.0',
    fixed: '1.25.1',
    summary: 'an unauthenticated client can run SQL through search_path in its startup message',
    affects: (setting) =>
      /search_path/i.test(setting('track_extra_parameters')) && setting('auth_user') !== '',
  },
  {
    id: 'CVE-2026-6664',
    fixed: '1.25.2',
    summary: 'an unauthenticated client can crash PgBouncer with a malformed SCRAM packet',
  },
  {
    id: 'CVE-2026-6665',
    since: '1.11.0',
    fixed: '1.25.2',
    summary: 'a malicious server can overflow the stack during SCRAM',
  },
  {
    id: 'CVE-2026-6666',
    fixed: '1.25.2',
    summary: 'a server that reports an error without SQLSTATE can crash PgBouncer',
  },
  { id: 'CVE-2026-6667', since: '1.24.0', fixed: '1.25.2', summary: 'stats_users may run KILL_CLIENT' },
  {
    id: 'CVE-2026-19888',
    since: '1.11.0',
    fixed: '1.26.0',
    summary: 'an unauthenticated client can crash PgBouncer during SCRAM',
  },
  { id: 'CVE-2026-6668', fixed: '1.26.0', summary: 'an unauthenticated client can make PgBouncer hang' },
  {
    id: 'CVE-2026-6669',
    since: '1.11.0',
    fixed: '1.26.0',
    summary: 'a malicious server can make PgBouncer hang during a SCRAM login',
  },
  {
    id: 'CVE-2026-107350',
    since: '1.17.0',
    fixed: '1.26.1',
    summary: 'who knows one password of auth_file can log in as any other SCRAM user, admins included',
  },
  {
    id: 'CVE-2026-107349',
    since: '1.20.0',
    fixed: '1.26.1',
    summary: 'an unauthenticated client can make PgBouncer spin forever',
    affects: (setting) =>
      setting('ignore_startup_parameters') !== '' &&
      !/\boptions\b/.test(setting('ignore_startup_parameters')),
  },
  {
    id: 'CVE-2026-107348',
    since: '1.21.0',
    fixed: '1.26.1',
    summary: 'a client can make PgBouncer hang with a packet longer than 2 GiB',
    affects: (setting) => Number(setting('max_packet_size')) >= 2_147_483_649,
  },
]

/** The vulnerabilities that this version has, configured as it is. */
export function cvesOf(version: string, setting: (name: string) => string): readonly Cve[] {
  return CVES.filter(
    ({ since, fixed, affects }) =>
      (since === undefined || isVersionAtLeast(version, since)) &&
      !isVersionAtLeast(version, fixed) &&
      (affects === undefined || affects(setting)),
  )
}
