/** Rules about passwords, rights, TLS, files and known vulnerabilities. */
import { isVersionAtLeast } from './config-settings.ts'
import { cvesOf } from './known-cves.ts'
import { atEntry, atSetting, type LintContext, type LintFinding } from './lint-context.ts'

export function lintSecurity(context: LintContext): LintFinding[] {
  return [
    ...lintAuthType(context),
    ...lintPasswords(context),
    ...lintFileModes(context),
    ...lintAdmins(context),
    ...lintServerTls(context),
    ...lintClientTls(context),
    ...lintCves(context),
  ]
}

const WEAK_AUTH: Record<string, { readonly severity: 'error' | 'warning'; readonly what: string }> = {
  any: { severity: 'error', what: 'lets everybody in as anybody, the admin console included' },
  trust: { severity: 'error', what: 'lets everybody in who knows a user name' },
  plain: { severity: 'error', what: 'sends passwords over the network as they are' },
  md5: { severity: 'warning', what: 'also accepts MD5 hashes, which can be replayed by whoever reads them' },
}

function lintAuthType(context: LintContext): LintFinding[] {
  const type = context.value('auth_type').toLowerCase()
  const weak = WEAK_AUTH[type]
  if (weak === undefined || !isVersionAtLeast(context.version, '1.11')) return []
  // With md5, a user with a SCRAM secret is asked for SCRAM all the same.
  const { userlist = [] } = context.facts
  if (type === 'md5' && userlist.length > 0 && userlist.every(({ kind }) => kind === 'scram')) return []
  const isSet = context.entry('auth_type') !== undefined
  const message = `${isSet ? `auth_type = ${type}` : `auth_type is not set: ${type}`} ${weak.what}`
  return [
    atSetting(context, 'auth_type', {
      rule: 'weak-auth',
      severity: weak.severity,
      message,
      fix: 'set auth_type = scram-sha-256, with SCRAM secrets in auth_file or by auth_query',
    }),
  ]
}

function lintPasswords(context: LintContext): LintFinding[] {
  const inDatabases = context.databases
    .filter(({ options }) => options.has('password'))
    .map(({ entry }) => {
      const message = `the password of "${entry.key}" stands in the configuration as it is`
      return atEntry(context, entry, {
        rule: 'plaintext-password',
        severity: 'warning',
        message,
        fix: 'remove password= and put the user into auth_file, readable by PgBouncer alone',
      })
    })
  const file = context.value('auth_file') || 'userlist.txt'
  // PgBouncer logs in to servers as these users itself, and a SCRAM secret does not suffice for that.
  const needsPlain = new Set([
    context.value('auth_user'),
    ...context.databases.flatMap(({ options }) => [options.get('user'), options.get('auth_user')]),
  ])
  const inUserlist = (context.facts.userlist ?? []).flatMap(({ user, kind, line }) => {
    if (kind === 'plain' && !needsPlain.has(user)) {
      const message = `the password of "${user}" stands in ${file} as it is`
      const fix = 'replace it with the SCRAM secret from pg_authid'
      return [{ rule: 'plaintext-password', severity: 'warning' as const, message, fix, file, line }]
    }
    if (kind === 'empty') {
      return [
        {
          rule: 'empty-password',
          severity: 'warning' as const,
          message: `"${user}" has an empty password in ${file}`,
          fix: 'give the user a secret, or remove the line',
          file,
          line,
        },
      ]
    }
    return []
  })
  return [...inDatabases, ...inUserlist]
}

/** Anybody on the machine may read what has bits for others. */
const OTHERS = 0o007

function lintFileModes({ facts }: LintContext): LintFinding[] {
  return Object.entries(facts.fileModes ?? {})
    .filter(([, mode]) => (mode & OTHERS) !== 0)
    .map(([file, mode]) => ({
      rule: 'world-readable',
      severity: 'error' as const,
      message: `${file} has mode ${mode.toString(8).padStart(4, '0')}: every user of the machine may open it`,
      fix: `chmod 0640 ${file}`,
      file,
      line: 1,
    }))
}

function lintAdmins(context: LintContext): LintFinding[] {
  const admins = userNames(context.value('admin_users'))
  const appUsers = new Set([
    ...(context.facts.appUsers ?? []),
    ...context.databases.flatMap(({ options }) => options.get('user') ?? []),
  ])
  return admins
    .filter((user) => appUsers.has(user))
    .map((user) => {
      const message = `"${user}" is in admin_users and is a user that applications log in as: an SQL injection away from SHUTDOWN`
      return atSetting(context, 'admin_users', {
        rule: 'admin-from-app',
        severity: 'error',
        message,
        fix: 'make a user for administration alone',
      })
    })
}

function userNames(list: string): string[] {
  return list
    .split(',')
    .map((name) => name.trim().replace(/^"(.*)"$/, '$1'))
    .filter((name) => name !== '')
}

function lintServerTls(context: LintContext): LintFinding[] {
  const mode = context.value('server_tls_sslmode').toLowerCase()
  if (!['disable', 'allow', 'prefer'].includes(mode)) return []
  return context.databases
    .filter(({ options }) => isRemote(options.get('host') ?? ''))
    .map(({ entry, options }) => {
      const host = options.get('host') ?? ''
      const message = `server_tls_sslmode = ${mode}: the connection to ${host} ${mode === 'disable' ? 'is' : 'may be'} not encrypted`
      const severity = mode === 'disable' ? 'error' : 'warning'
      const finding = atSetting(context, 'server_tls_sslmode', {
        rule: 'server-tls',
        severity,
        message,
        fix: 'set server_tls_sslmode = verify-full and server_tls_ca_file',
      })
      return { ...finding, file: entry.file, line: entry.line }
    })
}

function isRemote(hosts: string): boolean {
  return hosts.split(',').some((host) => !/^(|localhost|127\.[\d.]+|::1|[/@].*)$/.test(host.trim()))
}

function lintClientTls(context: LintContext): LintFinding[] {
  const addresses = context.value('listen_addr')
  const mode = context.value('client_tls_sslmode').toLowerCase()
  const findings: LintFinding[] = []
  if (isRemote(addresses) && ['disable', 'allow', 'prefer'].includes(mode)) {
    const message = `PgBouncer listens on ${addresses}, and client_tls_sslmode = ${mode} lets clients in without TLS`
    findings.push(
      atSetting(context, 'client_tls_sslmode', {
        rule: 'client-tls',
        severity: 'warning',
        message,
        fix: 'set client_tls_sslmode = require, client_tls_key_file and client_tls_cert_file',
      }),
    )
  }
  if (
    mode !== 'disable' &&
    (context.value('client_tls_key_file') === '' || context.value('client_tls_cert_file') === '')
  ) {
    const message = `client_tls_sslmode = ${mode} needs client_tls_key_file and client_tls_cert_file`
    findings.push(
      atSetting(context, 'client_tls_sslmode', {
        rule: 'client-tls',
        severity: 'error',
        message,
        fix: 'set both; PgBouncer does not start without',
      }),
    )
  }
  return findings
}

function lintCves(context: LintContext): LintFinding[] {
  // Without a version there is nothing to say: the newest is assumed for the rules above.
  if (context.facts.version === undefined) return []
  return cvesOf(context.version, (name) => context.value(name)).map(({ id, fixed, summary }) => ({
    rule: 'known-vulnerability',
    severity: 'warning' as const,
    message: `PgBouncer ${context.version} has ${id}: ${summary}`,
    fix: `upgrade to ${fixed} or newer, or to a package that has the fix`,
    file: context.file,
    line: 1,
  }))
}
