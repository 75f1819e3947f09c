import type { ProfileInput } from '../profile.ts'
import { profileFromSettings } from '../pgbouncer-ini.ts'
import type { LiveConnection } from './live-client.ts'

/**
 * Reads the profile from PgBouncer's own console (a connection to its database `pgbouncer`).
 *
 * @example
 * ```ts
 * import pg from 'pg'
 * import { auditSource, readLiveProfile } from '@ops/pgbouncer-audit'
 *
 * const pgbouncer = new pg.Client({ host: 'localhost', port: 6432, database: 'pgbouncer', user: 'stats' })
 * await pgbouncer.connect()
 * const { findings } = await auditSource({ profile: await readLiveProfile(pgbouncer) })
 * console.log(findings.length)
 * await pgbouncer.end()
 * ```
 */
export async function readLiveProfile(console: LiveConnection): Promise<ProfileInput> {
  const version = await console.query('SHOW VERSION')
  const config = await console.query('SHOW CONFIG')
  const settings = new Map(config.rows.map((row) => [text(row['key']), text(row['value'])]))
  return {
    ...profileFromSettings(settings),
    version: /\d+\.\d+(?:\.\d+)?/.exec(text(Object.values(version.rows[0] ?? {})[0]))?.[0] ?? null,
    source: 'live',
  }
}

/** The console answers in text only. */
function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
