import type { Suite } from './image.ts'

/** Programs on this machine, or containers built from `docker/`. */
export type ServerMode = 'local' | 'container'

/** What `OPS_TESTBED_MODE` asks for. */
export function defaultMode(): ServerMode {
  const mode = process.env['OPS_TESTBED_MODE'] || 'local'
  if (mode === 'local' || mode === 'container') return mode
  throw new Error(`OPS_TESTBED_MODE is '${mode}'; it must be 'local' or 'container'`)
}

/** PostgreSQL's major versions in containers: each is the one of a Debian release. */
export const POSTGRES_SUITES: Readonly<Record<number, Suite>> = { 15: 'bookworm', 17: 'trixie', 18: 'sid' }

/** PgBouncer's versions in containers; sid's grows with time. */
export const PGBOUNCER_SUITES: Readonly<Record<string, Suite>> = {
  '1.18': 'bookworm',
  '1.24': 'trixie',
  '1.26': 'sid',
}

/** The major version that `OPS_TESTBED_PG` asks for. */
export function defaultPostgresVersion(): number | undefined {
  const text = process.env['OPS_TESTBED_PG'] || undefined
  if (text === undefined || /^\d+$/.test(text)) return text === undefined ? undefined : Number(text)
  throw new Error(`OPS_TESTBED_PG is '${text}'; it must be a major version such as 17`)
}

/** The Debian release that has this major version of PostgreSQL. @default 17 */
export function postgresSuite(version: number = defaultPostgresVersion() ?? 17): Suite {
  const suite = POSTGRES_SUITES[version]
  if (suite !== undefined) return suite
  throw new Error(`no image has PostgreSQL ${version}; there are ${Object.keys(POSTGRES_SUITES).join(', ')}`)
}

/** The Debian release that has this version of PgBouncer. @default OPS_TESTBED_PGBOUNCER, otherwise '1.24' */
export function pgBouncerSuite(version: string = process.env['OPS_TESTBED_PGBOUNCER'] || '1.24'): Suite {
  const suite = PGBOUNCER_SUITES[version]
  if (suite !== undefined) return suite
  throw new Error(`no image has PgBouncer ${version}; there are ${Object.keys(PGBOUNCER_SUITES).join(', ')}`)
}

/** The Debian release whose Ceph is the S3 server. @default OPS_TESTBED_S3_SUITE, otherwise 'sid' */
export function s3Suite(suite: string = process.env['OPS_TESTBED_S3_SUITE'] || 'sid'): 'trixie' | 'sid' {
  if (suite === 'trixie' || suite === 'sid') return suite
  throw new Error(`OPS_TESTBED_S3_SUITE is '${suite}'; it must be 'sid' or 'trixie'`)
}
