import * as fc from 'fast-check'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseConfig, parseConnectString } from './config-parse.ts'
import { SETTINGS, existsIn } from './config-settings.ts'
import { lintConfig, type LintConfigOptions } from './lint-config.ts'
import { renderLintText, renderSarif } from './lint-report.ts'
import { parseUserlist } from './userlist-parse.ts'

/** A configuration with nothing to find. */
const good = {
  auth_type: 'scram-sha-256',
  auth_file: '/etc/pgbouncer/userlist.txt',
  pool_mode: 'transaction',
  listen_addr: '127.0.0.1',
}

const ini = (settings: Record<string, string> = {}, databases = 'app = host=/run/postgresql'): string =>
  `[databases]\n${databases}\n[pgbouncer]\n${Object.entries({ ...good, ...settings })
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('')}`

const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`

const rulesOf = (options: LintConfigOptions): string[] => lintConfig(options).findings.map(({ rule }) => rule)

describe('the linter', () => {
  it('finds nothing where nothing is wrong', () => {
    expect(lintConfig({ text: ini() }).findings).toEqual([])
  })

  const table: [what: string, rule: string, options: LintConfigOptions][] = [
    ['a misspelt setting', 'unknown-setting', { text: ini({ max_client_con: '5' }) }],
    [
      'a setting of a later version',
      'setting-not-in-version',
      { text: ini({ max_prepared_statements: '5' }), version: '1.20.1' },
    ],
    [
      'a setting that is gone',
      'setting-not-in-version',
      { text: ini({ suspend_timeout: '5' }), version: '1.26.0' },
    ],
    ['a number with a unit', 'invalid-value', { text: ini({ server_lifetime: '1h' }) }],
    ['a mode that does not exist', 'invalid-value', { text: ini({ pool_mode: 'transactions' }) }],
    ['an unknown section', 'unknown-section', { text: `${ini()}\n[pools]\na = b` }],
    ['a line that is none', 'syntax', { text: `${ini()}\nwhat is this` }],
    ['a section that is not closed', 'syntax', { text: `${ini()}\n[oops` }],
    ['an include that is not there', 'syntax', { text: `${ini()}\n%include /none.ini` }],
    [
      'an unknown parameter of a database',
      'unknown-parameter',
      { text: ini({}, 'app = host=/run poolsize=5') },
    ],
    [
      'a connection string that cannot be read',
      'connect-string',
      { text: ini({}, "app = host=/run password='x") },
    ],
    ['a database called pgbouncer', 'reserved-database', { text: ini({}, 'pgbouncer = host=/run') }],
    ['session mode', 'pool-mode', { text: ini({ pool_mode: 'session' }) }],
    [
      'statement mode for one database',
      'pool-mode',
      { text: ini({}, 'app = host=/run pool_mode=statement') },
    ],
    ['prepared statements left off in 1.23', 'prepared-statements', { text: ini(), version: '1.23.1' }],
    [
      'prepared statements switched off',
      'prepared-statements',
      { text: ini({ max_prepared_statements: '0' }) },
    ],
    ['trust', 'weak-auth', { text: ini({ auth_type: 'trust' }) }],
    ['plain', 'weak-auth', { text: ini({ auth_type: 'plain' }) }],
    ['md5', 'weak-auth', { text: ini({ auth_type: 'md5' }) }],
    [
      'a password in a connection string',
      'plaintext-password',
      { text: ini({}, 'app = host=/run user=a password=secret') },
    ],
    [
      'a password in the user list',
      'plaintext-password',
      { text: ini(), userlist: parseUserlist('"joe" "secret"') },
    ],
    ['an empty password', 'empty-password', { text: ini(), userlist: parseUserlist('"joe" ""') }],
    [
      'a user list that breaks off',
      'userlist',
      { text: ini(), userlistProblem: { message: 'broken', file: 'u', line: 3 } },
    ],
    ['a world-readable file', 'world-readable', { text: ini(), fileModes: { 'userlist.txt': 0o644 } }],
    [
      'an admin who is the application',
      'admin-from-app',
      { text: ini({ admin_users: 'root, app' }), appUsers: ['app'] },
    ],
    [
      'an admin whom a database is forced to',
      'admin-from-app',
      { text: ini({ admin_users: 'boss' }, 'app = host=/run user=boss') },
    ],
    [
      'more clients than files',
      'file-limit',
      { text: ini({ max_client_conn: '2000' }), openFilesLimit: 1024 },
    ],
    [
      'more server connections than PostgreSQL has',
      'too-many-server-connections',
      {
        text: ini({ default_pool_size: '60' }, 'a = host=/run\nb = host=/run'),
        postgres: { maxConnections: 100 },
      },
    ],
    [
      'clients thrown out before a connect may fail',
      'timeout-conflict',
      { text: ini({ query_wait_timeout: '10' }) },
    ],
    ['a queue without end', 'timeout-conflict', { text: ini({ query_wait_timeout: '0' }) }],
    ['a minimum above the size', 'pool-sizes', { text: ini({ min_pool_size: '30' }) }],
    ['no TLS to a remote server', 'server-tls', { text: ini({}, 'app = host=db.example.com') }],
    ['listening to the world without TLS', 'client-tls', { text: ini({ listen_addr: '*' }) }],
    ['TLS without a key', 'client-tls', { text: ini({ client_tls_sslmode: 'require' }) }],
    [
      'a version with a known hole',
      'known-vulnerability',
      { text: ini({ max_prepared_statements: '200' }), version: '1.24.1' },
    ],
  ]
  it.each(table)('finds %s (%s)', (_what, rule, options) => {
    expect(rulesOf(options)).toContain(rule)
  })

  const fine: [what: string, options: LintConfigOptions][] = [
    [
      'md5 when every secret is SCRAM',
      { text: ini({ auth_type: 'md5' }), userlist: parseUserlist('"a" "SCRAM-SHA-256$4096:c2FsdA==$a:b"') },
    ],
    [
      'the password that PgBouncer itself logs in with',
      { text: ini({ auth_user: 'lookup' }), userlist: parseUserlist('"lookup" "secret"') },
    ],
    ['session mode where it is meant', { text: ini({ pool_mode: 'session' }), intendedPoolMode: 'session' }],
    [
      'pools that a database limit keeps small',
      {
        text: ini({ default_pool_size: '60', max_db_connections: '40' }, 'a = host=/run\nb = host=/run'),
        postgres: { maxConnections: 100 },
      },
    ],
    [
      'pools on two servers',
      {
        text: ini({ default_pool_size: '60' }, 'a = host=/run\nb = host=/other'),
        postgres: { maxConnections: 100 },
      },
    ],
    ['the newest version', { text: ini(), version: '1.26.1' }],
    [
      'verified TLS',
      {
        text: ini(
          { server_tls_sslmode: 'verify-full', server_tls_ca_file: '/ca' },
          'app = host=db.example.com',
        ),
      },
    ],
  ]
  it.each(fine)('lets pass %s', (_what, options) => {
    expect(rulesOf(options)).toEqual([])
  })

  const effects: [what: string, effect: string | undefined, rule: string, options: LintConfigOptions][] = [
    ['a setting that is read again', 'reload', 'pool-mode', { text: ini({ pool_mode: 'session' }) }],
    ['a setting that is not there', 'reload', 'weak-auth', { text: '[pgbouncer]\n' }],
    ['a setting that is read once', 'restart', 'invalid-value', { text: ini({ listen_port: 'x' }) }],
    ['a database', 'reload', 'pool-mode', { text: ini({}, 'app = host=/run pool_mode=session') }],
    [
      'TLS of 1.15',
      'restart',
      'server-tls',
      { text: ini({}, 'app = host=db.example.com'), version: '1.15.0' },
    ],
    [
      'TLS of 1.16',
      'reload',
      'server-tls',
      { text: ini({}, 'app = host=db.example.com'), version: '1.16.0' },
    ],
    ['a setting that does not exist', undefined, 'unknown-setting', { text: ini({ max_client_con: '5' }) }],
    ['a file', undefined, 'world-readable', { text: ini(), fileModes: { '/a.ini': 0o644 } }],
  ]
  it.each(effects)('says how a change of %s takes effect: %s', (_what, effect, rule, options) => {
    const report = lintConfig(options)
    const finding = report.findings.find((each) => each.rule === rule)!
    expect(finding.takesEffect).toBe(effect)
    const one = { ...report, findings: [finding] }
    const words = { reload: ['takes effect: RELOAD'], restart: ['takes effect: restart'] }[effect ?? ''] ?? []
    expect(renderLintText(one).match(/takes effect: \w+/g) ?? []).toEqual(words)
    const sarif = JSON.stringify(renderSarif(one))
    expect(sarif.match(/takes effect: \w+/g) ?? []).toEqual(words)
    expect(sarif.includes(`"properties":{"takesEffect":"${effect}"}`)).toBe(effect !== undefined)
  })

  it('says what was probably meant', () => {
    const [finding] = lintConfig({ text: ini({ max_client_con: '5' }) }).findings
    expect(finding).toMatchObject({ fix: 'did you mean "max_client_conn"?', line: 8 })
  })

  it('never repeats a password', () => {
    const text = ini({}, "app = host=/run user=a password=hunter2\nbroken = password='hunter2 and so on")
    const report = lintConfig({ text, userlist: parseUserlist('"joe" "hunter2"') })
    expect(renderLintText(report) + JSON.stringify(renderSarif(report))).not.toContain('hunter2')
  })

  it('follows includes, and stops where they go in circles', () => {
    const files: Record<string, string> = { '/a.ini': '[pgbouncer]\nmax_client_con = 1\n%include /a.ini\n' }
    const { findings } = lintConfig({ text: `${ini()}%include /a.ini\n`, readInclude: (file) => files[file] })
    expect(findings).toContainEqual(
      expect.objectContaining({ rule: 'unknown-setting', file: '/a.ini', line: 2 }),
    )
    expect(findings).toContainEqual(expect.objectContaining({ rule: 'syntax' }))
  })

  it('is not shaken by any file', () => {
    const soup = fc.array(
      fc.oneof(
        fc.constantFrom(
          '[pgbouncer]',
          '[databases]',
          '[users]',
          '[peers]',
          '[',
          '%include x',
          '= =',
          "a = b='",
          '"a""b" = host=x',
          ';',
          '\0',
        ),
        fc
          .tuple(fc.constantFrom(...SETTINGS.map(({ name }) => name)), fc.string())
          .map(([name, value]) => `${name} = ${value}`),
        fc.string({ unit: 'binary' }),
      ),
    )
    fc.assert(
      fc.property(soup, fc.constantFrom('1.12.0', '1.18.0', '1.24.1', '1.26.1', 'odd'), (lines, version) => {
        const report = lintConfig({
          text: lines.join('\n'),
          version,
          openFilesLimit: 100,
          postgres: { maxConnections: 10 },
          readInclude: () => lines.join('\n').slice(0, 200),
        })
        expect(renderLintText(report)).toContain(version)
        expect(JSON.stringify(renderSarif(report))).toContain('2.1.0')
      }),
      { numRuns: 60 },
    )
  })
})

describe('SARIF', () => {
  it('names rules, levels and places', () => {
    const sarif = renderSarif(lintConfig({ text: ini({ auth_type: 'trust' }), file: '/etc/pgbouncer.ini' }))
    expect(sarif).toMatchObject({
      version: '2.1.0',
      runs: [
        {
          tool: { driver: { rules: [{ id: 'weak-auth' }] } },
          results: [
            {
              ruleId: 'weak-auth',
              ruleIndex: 0,
              level: 'error',
              locations: [
                {
                  physicalLocation: {
                    artifactLocation: { uri: 'file:///etc/pgbouncer.ini' },
                    region: { startLine: 4 },
                  },
                },
              ],
            },
          ],
        },
      ],
    })
  })
})

describe('the parser', () => {
  it("reads quoted names, comments and values with ';' in them as PgBouncer does", () => {
    const { entries, problems } = parseConfig({
      text: '; c\n# c\n[databases]\n"my ""db""" = host=a;b\n* = port=1\r\n',
    })
    expect(problems).toEqual([])
    expect(entries.map(({ key, value }) => [key, value])).toEqual([
      ['my "db"', 'host=a;b'],
      ['*', 'port=1'],
    ])
  })

  it("reads connection strings with '' as a quote", () => {
    expect(parseConnectString("host=a  connect_query='SELECT ''x''' port = 5")).toEqual({
      pairs: [
        { key: 'host', value: 'a' },
        { key: 'connect_query', value: "SELECT 'x'" },
        { key: 'port', value: '5' },
      ],
    })
  })

  it('reads back any pairs that were written', () => {
    const key = fc.stringMatching(/^[a-z_]+$/)
    const value = fc.string({ minLength: 1 })
    fc.assert(
      fc.property(fc.array(fc.record({ key, value })), (pairs) => {
        const text = pairs.map((pair) => `${pair.key}='${pair.value.replaceAll("'", "''")}'`).join(' ')
        expect(parseConnectString(text)).toEqual({ pairs })
      }),
    )
  })

  it('reads back any user list that was written', () => {
    const name = fc.string({ minLength: 1 }).filter((text) => !text.includes('\n'))
    fc.assert(
      fc.property(fc.array(fc.tuple(name, name)), (users) => {
        const text = users
          .map(([user, secret]) => `${quote(user)} ${quote(secret)} and the rest\n`)
          .join('; comment\n\n')
        expect(parseUserlist(text).map(({ user, secret }) => [user, secret])).toEqual(users)
      }),
    )
  })

  it('says at which line a user list breaks off', () => {
    expect(() => parseUserlist('"a" "b"\n\n"c d\n', 'u.txt')).toThrow(/^u\.txt:3:/)
  })

  it('reads any user list or says that it is broken', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('"', 'a', ' ', '\n', ';', '\0') }), (text) => {
        let code = 'read'
        try {
          parseUserlist(text)
        } catch (error) {
          code = (error as { code: string }).code
        }
        expect(['read', 'PGBOUNCER_USERLIST_INVALID']).toContain(code)
      }),
    )
  })
})

describe('the table of settings', () => {
  const facts = new URL('../../../../shared/facts/config-settings-by-version.json', import.meta.url)
  it("has exactly each release's settings", (context) => {
    if (!existsSync(facts)) context.skip('the table of settings by version is not here')
    const versions = JSON.parse(readFileSync(facts, 'utf8')) as Record<string, object>
    for (const [version, settings] of Object.entries(versions)) {
      const named = version === 'HEAD' ? '1.26.0' : version
      const ours = SETTINGS.filter((setting) => existsIn(setting, named)).map(({ name }) => name)
      const missing = Object.keys(settings).filter(
        (name) => !ours.includes(name) && name !== 'suspend_timeout',
      )
      const invented = ours.filter((name) => !Object.hasOwn(settings, name))
      expect({ version, missing, invented }).toEqual({ version, missing: [], invented: [] })
    }
  })
})
