import { readFileSync, writeFileSync } from 'node:fs'
import {
  dockerAvailable,
  needs,
  PGBOUNCER_SUITES,
  startPgBouncer,
  startPostgres,
  type Postgres,
} from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  DATABASE_KEYS,
  defaultOf,
  existsIn,
  findSetting,
  isVersionAtLeast,
  SETTINGS,
  takesEffectOn,
  USER_KEYS,
} from '../src/config-settings.ts'
import { lintConfig } from '../src/lint-config.ts'
import { readPgBouncer } from '../src/read-pgbouncer.ts'
import { asAdmin } from './pooled-server.ts'

/** Defaults that a build or a platform decides. */
const OF_THE_BUILD = new Set(['tcp_defer_accept', 'unix_socket_dir', 'auth_query', 'conffile'])

/** Values that fit, for keys of connection strings that are not numbers. */
const VALUES: Record<string, string> = {
  dbname: 'postgres',
  user: 'postgres',
  password: 'x',
  auth_user: 'postgres',
  auth_query: "'SELECT 1'",
  auth_dbname: 'postgres',
  connect_query: "'SELECT 1'",
  pool_mode: 'transaction',
  load_balance_hosts: 'disable',
  client_encoding: 'UTF8',
  datestyle: 'ISO',
  timezone: 'UTC',
  application_name: 'x',
}

const pairs = (keys: Readonly<Record<string, string>>, version: string): string =>
  Object.entries(keys)
    .filter(([key, since]) => key !== 'host' && key !== 'port' && isVersionAtLeast(version, since))
    .map(([key]) => `${key}=${VALUES[key] ?? '7'}`)
    .join(' ')

describe('what the linter knows of settings', () => {
  let postgres: Postgres | undefined
  beforeAll(async () => {
    if (await dockerAvailable()) postgres = await startPostgres({ mode: 'container' })
  })
  afterAll(async () => {
    await postgres?.stop()
  })

  it.for(Object.keys(PGBOUNCER_SUITES))('is what PgBouncer %s itself says', async (version, context) => {
    needs(context, postgres !== undefined, 'no Docker engine answers')
    const everyKey = `host=127.0.0.1 port=5432 ${pairs(DATABASE_KEYS, version)}`
    await using bouncer = await startPgBouncer({
      mode: 'container',
      version,
      postgres: postgres!,
      databases: { every: everyKey },
    })
    const { config = [] } = await readPgBouncer({ connection: asAdmin(bouncer), show: ['config'] })

    // service_name is another name of job_name, and SHOW CONFIG shows only that.
    const known = SETTINGS.filter((setting) => existsIn(setting, bouncer.version))
      .map(({ name }) => name)
      .filter((name) => name !== 'service_name')
    expect(known.toSorted()).toEqual(config.map(({ key }) => key).toSorted())
    const compared = config.filter(({ key }) => !OF_THE_BUILD.has(key))
    const theirs = compared.map((row) => ({
      key: row.key,
      default: row.default ?? '',
      reload: row.changeable,
    }))
    const ours = compared.map(({ key }) => ({
      key,
      default: defaultOf(key, bouncer.version),
      reload: takesEffectOn(findSetting(key)!, bouncer.version) === 'reload',
    }))
    expect(ours).toEqual(theirs)

    // It read a database with every key that is known for it, and now a user with every key.
    const text = `${readFileSync(bouncer.iniPath, 'utf8')}\n[users]\nprobe = ${pairs(USER_KEYS, version)}\n`
    writeFileSync(bouncer.iniPath, text)
    await bouncer.reload()
    expect(await bouncer.logText()).not.toMatch(/unrecognized|invalid value|syntax error/i)
    const { users } = await readPgBouncer({ connection: asAdmin(bouncer), show: ['users'] })
    expect(users?.map(({ name }) => name)).toContain('probe')
    expect(
      lintConfig({ text, version: bouncer.version }).findings.filter(
        ({ severity, rule }) => severity === 'error' && rule !== 'server-tls',
      ),
    ).toEqual([])
  })
})
