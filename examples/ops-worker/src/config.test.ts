import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig, SETTINGS, type Config } from './config.ts'

const LEAST = {
  OPS_WORKER_STORE_URL: 'file:///var/backups',
  OPS_WORKER_POSTGRES_URL: 'postgres://backup@db/postgres',
}

/** Of nobody; from the documentation of age's format. */
const IDENTITY = 'AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ops-worker-config-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function fileWith(name: string, text: string): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, text)
  return file
}

async function problemsOf(env: NodeJS.ProcessEnv, file?: string): Promise<readonly string[]> {
  const error: unknown = await loadConfig({ env, file }).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'WORKER_CONFIG_INVALID' })
  return (error as { details: { problems: readonly string[] } }).details.problems
}

describe('the configuration', () => {
  it('needs no more than a store and a server', async () => {
    expect(await loadConfig({ env: LEAST })).toMatchObject({
      cluster: 'main',
      databases: ['*'],
      exclude: [],
      listen: { host: '127.0.0.1', port: 8080 },
      shutdown: 30_000,
      postgres: { host: 'db', user: 'backup', database: 'postgres' },
      backup: { schedule: '0 2 * * *' },
      retention: { policy: { maxAgeDays: 30 }, apply: true },
      drill: { schedule: '0 4 * * 0', target: 'local' },
      lease: { ttlMs: 180_000 },
    } satisfies Record<keyof Config, unknown> | object)
  })

  it('is read from a file, over which the environment goes', async () => {
    const file = await fileWith(
      'worker.yaml',
      `
cluster: orders
databases: [orders, archive]
store: { url: 'file:///var/backups' }
postgres: { url: 'postgres://backup@db/postgres', password: from-the-file }
backup: { schedule: '30 1 * * *', jitter: 10m, jobs: 2 }
pgbouncer: { url: 'postgres://stats@pooler:6432/pgbouncer' }
`,
    )
    const env = { OPS_WORKER_POSTGRES_PASSWORD: 'from-the-environment', OPS_WORKER_BACKUP_JOBS: '4' }
    expect(await loadConfig({ file, env })).toMatchObject({
      cluster: 'orders',
      databases: ['orders', 'archive'],
      postgres: { password: 'from-the-environment' },
      backup: { schedule: '30 1 * * *', jitter: 600_000, jobs: 4 },
      pgbouncer: { host: 'pooler', port: 6432, user: 'stats' },
    })
  })

  it('takes every secret from a file, by a variable or by a key', async () => {
    const secret = await fileWith('secret', 'a b: {c}\n')
    const identity = await fileWith('identity', `# of the drills\n${IDENTITY}\n`)
    const url = await fileWith('webhook', 'https://hooks.example.com/T0/x\n')
    const secrets = SETTINGS.filter(({ isSecret }) => isSecret)
    expect(secrets.map(({ path }) => path.join('.'))).toEqual([
      'store.secretAccessKey',
      'postgres.password',
      'drill.password',
      'drill.identity',
      'pgbouncer.password',
      'webhook.url',
      'status.password',
    ])
    const env = {
      ...LEAST,
      OPS_WORKER_PGBOUNCER_URL: 'postgres://stats@pooler/pgbouncer',
      ...Object.fromEntries(secrets.map(({ variable }) => [`${variable}_FILE`, secret])),
      OPS_WORKER_WEBHOOK_URL_FILE: url,
      OPS_WORKER_DRILL_IDENTITY_FILE: identity,
    }
    const expected = {
      store: { secretAccessKey: 'a b: {c}' },
      postgres: { password: 'a b: {c}' },
      drill: { password: 'a b: {c}', identity: `# of the drills\n${IDENTITY}` },
      pgbouncer: { password: 'a b: {c}' },
      webhook: { url: 'https://hooks.example.com/T0/x', format: 'json', notify: 'failure' },
      status: { user: 'ops', password: 'a b: {c}' },
    }
    expect(await loadConfig({ env })).toMatchObject(expected)
    const file = await fileWith(
      'secrets.yaml',
      `
databases: [app]
store: { url: 'file:///var/backups', secretAccessKeyFile: ${secret} }
postgres: { url: 'postgres://backup@db/postgres', passwordFile: ${secret} }
drill: { passwordFile: ${secret}, identityFile: ${identity} }
pgbouncer: { url: 'postgres://stats@pooler/pgbouncer', passwordFile: ${secret} }
webhook: { urlFile: ${url} }
status: { passwordFile: ${secret} }
`,
    )
    expect(await loadConfig({ file, env: {} })).toMatchObject(expected)
  })

  it('lists everything that is wrong at once', async () => {
    expect(await problemsOf({})).toEqual([
      'store.url (OPS_WORKER_STORE_URL): it is missing',
      'postgres.url (OPS_WORKER_POSTGRES_URL): it is missing',
    ])
  })

  it.each([
    ['CLUSTER', 'a/b', /^cluster .*letters/],
    ['DATABASES', ' , ', /^databases /],
    ['DATABASES', 'shop.*', /^databases\.0: .*a dot stands in quotes/],
    ['EXCLUDE', '"shop', /^exclude\.0: .*quotes are closed/],
    ['WEBHOOK_URL', 'hooks.example.com', /^webhook\.url .*https:/],
    ['WEBHOOK_URL', 'file:///etc/passwd', /^webhook\.url .*https:/],
    ['WEBHOOK_URL', 'https://user:hunter2@hooks.example.com', /^webhook\.url .*token in its path$/],
    ['WEBHOOK_FORMAT', 'json', /^webhook\.url .*missing/],
    ['OBJECTIVES_BACKUP_AGE', 'soon', /^objectives\.backupAge .*duration/],
    ['TIME_ZONE', 'Mars/Olympus', /^timeZone .*Mars/],
    ['LISTEN', '8080', /^listen .*ADDRESS:PORT/],
    ['LISTEN', '127.0.0.1:99999', /^listen .*ADDRESS:PORT/],
    ['BACKUP_RECIPIENTS', 'age1nothing', /^backup\.recipients\.0: "age1nothing" is no age recipient/],
    ['DRILL_IDENTITY', 'hunter2', /^drill\.identity .*is no age identity/],
    ['LEASE_TTL', '0s', /^lease\.ttl .*longer than 0s/],
    ['RETRY_DELAY', '0s', /^retry\.delay .*longer than 0s/],
    ['LOG_LEVEL', 'loud', /^logLevel /],
    ['CONCURRENCY', '0', /^concurrency /],
    ['CONCURRENCY', 'two', /^concurrency /],
    ['SHUTDOWN', '30', /^shutdown .*duration/],
    ['STORE_URL', 'ftp://x', /^store\.url .*scheme/],
    ['POSTGRES_URL', 'db.internal', /^postgres\.url .*postgres:\/\//],
    ['BACKUP_SCHEDULE', 'at night', /^backup\.schedule /],
    ['BACKUP_SCHEDULE', '0 0 31 2 *', /^backup\.schedule .*never comes/],
    ['RETENTION_POLICY', 'keep nothing', /^retention\.policy /],
    ['RETENTION_APPLY', 'perhaps', /^retention\.apply /],
    ['DRILL_TARGET', 'moon', /^drill\.target /],
    ['DRILL_TARGET', 'container', /^drill\.image .*needs the image/],
    ['DRILL_TARGET', 'server', /^drill\.url .*needs its URL/],
    ['CERTIFICATES_TARGETS', 'https://', /^certificates\.targets\.0: /],
    ['CERTIFICATES_CADDY', 'localhost', /^certificates\.caddy /],
    ['PGBOUNCER_URL', 'mysql://x', /^pgbouncer\.url .*postgres:/],
    ['PGBOUNCER_PASSWORD', 'x', /^pgbouncer\.url .*missing/],
    ['POSTGRES_PASSWORD_FILE', '/nonexistent/secret', /^OPS_WORKER_POSTGRES_PASSWORD_FILE: ENOENT/],
    ['BACKUP_SHEDULE', '0 2 * * *', /^OPS_WORKER_BACKUP_SHEDULE: there is no such setting/],
  ])('refuses OPS_WORKER_%s=%s', async (name, value, problem) => {
    const problems = await problemsOf({ ...LEAST, [`OPS_WORKER_${name}`]: value })
    expect(problems).toEqual([expect.stringMatching(problem) as string])
    expect(problems[0]).not.toContain('hunter2')
  })

  it.each([
    ['a key that is not known', 'backups: {}', /Unrecognized key.*backups/],
    ['what is no mapping', '- app', /must be a mapping/],
    ['what is no YAML', 'a: [', /worker-bad\.yaml: /],
  ])('refuses %s', async (_what, text, problem) => {
    expect(await problemsOf(LEAST, await fileWith('worker-bad.yaml', text))).toEqual([
      expect.stringMatching(problem) as string,
    ])
  })

  it('never repeats a secret in a problem', async () => {
    const file = await fileWith('leak.yaml', 'postgres: { password: hunter2, url: [hunter2 }')
    const problems = await problemsOf({ OPS_WORKER_POSTGRES_URL: 'http://u:hunter2@h/x' }, file)
    expect(problems.join('\n')).not.toContain('hunter2')
  })
})
