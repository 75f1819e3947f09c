import { generatePassword } from './password.ts'
import type { PgBouncerOptions } from './pgbouncer.ts'

export const ADMIN_USER = 'bouncer_admin'
export const STATS_USER = 'bouncer_stats'

const BASE = { auth_type: 'scram-sha-256', admin_users: ADMIN_USER, stats_users: STATS_USER }

/** The users of the console. */
export interface ConsolePasswords {
  readonly adminPassword: string
  readonly statsPassword: string
}

export function generateConsolePasswords(): ConsolePasswords {
  return { adminPassword: generatePassword(), statsPassword: generatePassword() }
}

/** pgbouncer.ini; the caller's settings win. */
export function pgBouncerIni(
  options: PgBouncerOptions,
  place: Readonly<Record<string, string>>,
  postgres: { readonly host: string; readonly port: number },
): string {
  const databases = options.databases ?? { '*': `host=${postgres.host} port=${postgres.port}` }
  const settings = { ...BASE, ...place, ...options.settings }
  return ['[databases]', ...lines(databases), '', '[pgbouncer]', ...lines(settings), ''].join('\n')
}

/** The user list. Plain passwords: with them PgBouncer can log in to a server that wants SCRAM. */
export function pgBouncerUserList(options: PgBouncerOptions, own: ConsolePasswords): string {
  const users = {
    [options.postgres.user]: options.postgres.password,
    ...options.users,
    [ADMIN_USER]: own.adminPassword,
    [STATS_USER]: own.statsPassword,
  }
  return Object.entries(users)
    .map(([user, password]) => `${quote(user)} ${quote(password)}\n`)
    .join('')
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}

function lines(entries: Readonly<Record<string, string>>): string[] {
  return Object.entries(entries).map(([name, value]) => `${name} = ${value}`)
}
