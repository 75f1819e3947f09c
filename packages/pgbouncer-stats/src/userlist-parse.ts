import { PgBouncerStatsError } from './error.ts'

/** What stands for a user's password in `userlist.txt`, in `pg_authid`, or in `pg_shadow`. */
export type SecretKind = 'scram' | 'md5' | 'plain' | 'empty'

/** One line of a `userlist.txt`. */
export interface UserlistEntry {
  readonly user: string
  readonly secret: string
  readonly kind: SecretKind
  readonly line: number
}

/**
 * Reads `userlist.txt`: `"user" "secret"`, the rest of a line is ignored, `;` begins a comment line.
 * Throws `PGBOUNCER_USERLIST_INVALID` where PgBouncer would stop reading, and so lose the users below.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { parseUserlist } from '@ops/pgbouncer-stats'
 *
 * const entries = parseUserlist(await readFile('/etc/pgbouncer/userlist.txt', 'utf8'))
 * for (const { user, kind, line } of entries) console.log(line, user, kind)
 * ```
 */
export function parseUserlist(text: string, file: string = 'userlist.txt'): UserlistEntry[] {
  const entries: UserlistEntry[] = []
  const pattern = /\s*(?:(;[^\n]*)|"((?:[^"]|"")*)"[^"\n]*"((?:[^"]|"")*)"[^\n]*)/y
  while (text.slice(pattern.lastIndex).trim() !== '') {
    const at = pattern.lastIndex
    const match = pattern.exec(text)
    const start = at + (/\S/.exec(text.slice(at))?.index ?? 0)
    const line = text.slice(0, start).split('\n').length
    if (match === null) {
      const message = `${file}:${line}: not of the form "user" "secret"; PgBouncer ignores this line and all below it`
      throw new PgBouncerStatsError('PGBOUNCER_USERLIST_INVALID', message, { details: { file, line } })
    }
    const [, comment, user, secret] = match
    if (comment !== undefined || user === undefined || secret === undefined) continue
    const plain = secret.replaceAll('""', '"')
    entries.push({ user: user.replaceAll('""', '"'), secret: plain, kind: secretKind(plain), line })
  }
  return entries
}

/** As PgBouncer and PostgreSQL tell them apart. */
export function secretKind(secret: string): SecretKind {
  if (secret === '') return 'empty'
  if (/^SCRAM-SHA-256\$\d+:[^$]+\$[^:]+:.+$/.test(secret)) return 'scram'
  return /^md5[0-9a-f]{32}$/i.test(secret) ? 'md5' : 'plain'
}
