import { readFileSync } from 'node:fs'
import { PgbouncerAuditError } from './errors.ts'
import type { ProfileInput } from './profile.ts'

/** What a `pgbouncer.ini` says of the profile; it does not say the version. Throws `AUDIT_BAD_PROFILE`. */
export function readPgbouncerIni(path: string): ProfileInput {
  try {
    return { ...parsePgbouncerIni(readFileSync(path, 'utf8')), source: 'pgbouncer.ini' }
  } catch (error) {
    throw new PgbouncerAuditError(
      'AUDIT_BAD_PROFILE',
      `${path} cannot be read as a pgbouncer.ini; check the path`,
      {
        cause: error,
        details: { path },
      },
    )
  }
}

/**
 * Reads from the text of a `pgbouncer.ini` what decides over findings; it does not say the version.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { auditSource, parsePgbouncerIni } from '@ops/pgbouncer-audit'
 *
 * const profile = parsePgbouncerIni(await readFile('/etc/pgbouncer/pgbouncer.ini', 'utf8'))
 * const { findings } = await auditSource({ profile: { ...profile, version: '1.24.0' } })
 * console.log(findings.length)
 * ```
 */
export function parsePgbouncerIni(text: string): ProfileInput {
  const settings = new Map<string, string>()
  let section = ''
  for (const line of text.split('\n')) {
    const header = /^\s*\[(\w+)\]/.exec(line)
    if (header !== null) section = header[1]!.toLowerCase()
    const pair = /^\s*([a-z_]+)\s*=\s*(.*?)\s*$/i.exec(line)
    if (pair !== null && section === 'pgbouncer') settings.set(pair[1]!.toLowerCase(), pair[2]!)
  }
  return profileFromSettings(settings)
}

/** From the names and values of `pgbouncer.ini`, or of `SHOW CONFIG`. */
export function profileFromSettings(settings: ReadonlyMap<string, string>): ProfileInput {
  const mode = settings.get('pool_mode')
  const prepared = settings.get('max_prepared_statements')
  return {
    // PgBouncer's own default is session pooling; an ini that does not say so means just that.
    poolMode: mode === 'transaction' || mode === 'statement' ? mode : 'session',
    ...(prepared === undefined || !/^\d+$/.test(prepared) ? {} : { maxPreparedStatements: Number(prepared) }),
    ignoreStartupParameters: list(settings.get('ignore_startup_parameters')),
    trackExtraParameters: list(settings.get('track_extra_parameters')),
  }
}

function list(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
}
