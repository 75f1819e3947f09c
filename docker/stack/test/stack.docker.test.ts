import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { auditLive, auditSource, parsePgbouncerIni } from '@ops/pgbouncer-audit'
import { checkPooling, sizePools } from '@ops/pgbouncer-stats'
import { dockerAvailable, needs } from '@ops/testbed'
import type { Client } from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { dashboardQueries } from '../../grafana/src/index.ts'
import { BackupStore } from './backup-store.ts'
import { demoApi, type DemoApi } from './demo-api.ts'
import { Alertmanager, Inbox, Prometheus, type Alert } from './prometheus.ts'
import { LIFE_SIGNS, SERVICES, type Service } from './life-signs.ts'
import { SteadyWriter } from './steady-writer.ts'
import { checkComposeFiles, Stack, WAIT } from './stack.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const hasDocker = await dockerAvailable()

let stack: Stack
let prometheus: Prometheus
let inbox: Inbox
let store: BackupStore
let api: DemoApi

beforeAll(async () => {
  if (!hasDocker) return
  stack = await Stack.start()
  prometheus = await Prometheus.of(stack)
  inbox = await Inbox.of(stack)
  store = await BackupStore.of(stack)
  api = await demoApi(stack)
  // What dashboards and alerts speak of: rows, a backup of them, what retention says to it, and a drill.
  await api.post([{ body: 'water the ficus', tags: ['home'] }])
  await worker('backup')
  await worker('drill')
})

afterAll(async () => {
  store?.[Symbol.dispose]()
  await stack?.stop()
})

beforeEach((context) => needs(context, hasDocker, 'no Docker engine answers'))

/** Runs a job now, beside the worker that serves. */
const worker = (job: string): Promise<string> => stack.exec('ops-worker', 'ops-worker', 'run', job)

describe('the Compose files', () => {
  it.each([
    ['for development', ['compose.yaml'], {}],
    ['for production', ['compose.yaml', 'compose.prod.yaml'], {}],
    [
      'with an S3 of your own',
      ['compose.yaml', 'compose.prod.yaml', 'compose.other-s3.yaml'],
      { OPS_S3_URL: 's3://b' },
    ],
  ])('%s are valid', async (_, files, env) => {
    await expect(checkComposeFiles(files, env)).resolves.toBeUndefined()
  })
})

describe('the running stack', () => {
  it('is healthy, every service of it', async () => {
    await stack.untilHealthy()
    const states = (await stack.inspect()).map(({ Config, State }) => [
      Config.Labels['com.docker.compose.service'],
      State.Health?.Status ?? `${State.Status} ${State.ExitCode}`,
    ])
    expect(Object.fromEntries(states)).toEqual({
      secrets: 'exited 0',
      webhook: 'running 0',
      ...Object.fromEntries(
        ['postgres', 'pgbouncer', 's3', 'ops-worker', 'demo-api', 'caddy'].map((name) => [name, 'healthy']),
      ),
      ...Object.fromEntries(
        ['postgres-exporter', 'prometheus', 'alertmanager'].map((name) => [name, 'healthy']),
      ),
    })
  })

  it('gives no container more than it needs', async () => {
    for (const { Config, HostConfig } of await stack.inspect()) {
      const service = Config.Labels['com.docker.compose.service']!
      // The one that hands out secrets: their files belong to the users of the others.
      const isRoot = service === 'secrets'
      expect({
        service,
        runsAsRoot: ['', '0', 'root'].includes(Config.User.split(':')[0]!),
        privileged: HostConfig.Privileged,
        readOnly: HostConfig.ReadonlyRootfs,
        dropped: HostConfig.CapDrop,
        added: HostConfig.CapAdd ?? [],
        security: HostConfig.SecurityOpt,
        hasLimits: HostConfig.Memory > 0 && HostConfig.NanoCpus > 0 && (HostConfig.PidsLimit ?? 0) > 0,
        beyondThisMachine: Object.values(HostConfig.PortBindings ?? {})
          .flat()
          .filter(({ HostIp }) => HostIp !== '127.0.0.1'),
      }).toEqual({
        service,
        runsAsRoot: isRoot,
        privileged: false,
        readOnly: true,
        dropped: ['ALL'],
        added: isRoot ? ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'] : [],
        security: ['no-new-privileges:true'],
        hasLimits: true,
        beyondThisMachine: [],
      })
    }
  })

  it('shows no secret to who may look at containers', async () => {
    const shown = JSON.stringify(await stack.inspect())
    const secrets = await stack.secretNames()
    expect(secrets).toEqual(expect.arrayContaining(['app', 'backup', 'ca.key', 's3_secret_key']))
    for (const name of secrets.filter((each) => !each.endsWith('.crt') && each !== 'alert_webhook_url')) {
      const secret = (await stack.secret(name)).split('\n').find((line) => !line.startsWith('-----'))!
      expect(secret.length).toBeGreaterThan(20)
      const seen = { name, isShown: shown.includes(secret), mode: await stack.secretMode(name) }
      expect(seen).toEqual({ name, isShown: false, mode: 0o600 })
    }
  })

  it('has every target of Prometheus up', async () => {
    await vi.waitFor(async () => {
      const targets = (await prometheus.targets()).toSorted((a, b) => a.job.localeCompare(b.job))
      expect(targets).toEqual(
        ['alertmanager', 'ops-worker', 'postgres', 'prometheus'].map((job) => ({
          job,
          health: 'up',
          lastError: '',
        })),
      )
    }, WAIT)
  })

  it('has 50 metrics and more from the queries of its own', async () => {
    const names = [...(await prometheus.metricNames())].filter((name) => name.startsWith('ops_pg_'))
    expect(names.length).toBeGreaterThanOrEqual(50)
  })

  it('has an answer to every question of the dashboards', async () => {
    const queries = dashboardQueries({ rateInterval: '10s' })
    await vi.waitFor(async () => {
      const silent: string[] = []
      for (const { where, expr, emptyWhen } of queries) {
        const answer = await prometheus.query(expr)
        if (answer.length === 0 && emptyWhen === undefined) silent.push(`${where}: ${expr}`)
      }
      expect(silent).toEqual([])
    }, WAIT)
  })
})

describe('PostgreSQL', () => {
  it('has checksums, the extensions, and views for a first look', async () => {
    expect((await stack.sql('SHOW data_checksums')).trim()).toBe('on')
    const extensions = await stack.sql('SELECT extname FROM pg_extension ORDER BY extname')
    expect(extensions.trim().split('\n')).toEqual(['btree_gin', 'pg_stat_statements', 'pg_trgm', 'plpgsql'])
    for (const view of ['v_database_size', 'v_table_sizes', 'v_index_usage'])
      expect(Number(await stack.sql(`SELECT count(*) FROM monitoring.${view}`))).toBeGreaterThan(0)
  })

  it('lets nobody in without TLS, nor the superuser over the network', async () => {
    await expect(stack.connect('postgres', 'app', { tls: false })).rejects.toThrow(/no pg_hba.conf entry/)
    await expect(stack.connect('postgres', 'postgres')).rejects.toThrow(/no pg_hba.conf entry/)
  })

  it('keeps no password in the statistics that monitoring reads', async () => {
    const client = await stack.connect('postgres', 'monitoring')
    const { rows } = await client.query(
      "SELECT query FROM pg_stat_statements WHERE query ILIKE '%password ''%'",
    )
    await client.end()
    expect(rows).toEqual([])
  })

  it.each([
    ['app', 'CREATE TABLE public.mine (id int)'],
    ['app', 'SELECT * FROM pg_authid'],
    ['app', "SELECT pgbouncer.get_auth('app')"],
    ['backup', "BEGIN READ WRITE; INSERT INTO public.note (body) VALUES ('x')"],
    ['monitoring', 'SELECT * FROM public.note'],
    ['pgbouncer_auth', 'SELECT * FROM public.note'],
  ])('refuses %s what is not its business: %s', async (role, statement) => {
    const client = await stack.connect('postgres', role)
    await expect(client.query(statement)).rejects.toThrow(/permission denied/)
    await client.end()
  })
})

describe('transaction mode', () => {
  it('is what the demo API really has, with no leak between clients', async () => {
    const report = await checkPooling({
      pooled: { connect: await stack.connector('pgbouncer') },
      direct: { connect: await stack.connector('postgres') },
    })
    expect(report.checks.filter(({ ok }) => !ok)).toEqual([])
  })

  it('breaks nothing in the demo API', async () => {
    const profile = parsePgbouncerIni(await readFile(`${ROOT}docker/pgbouncer/pgbouncer.ini`, 'utf8'))
    const { findings } = await auditSource({
      cwd: `${ROOT}examples/demo-api`,
      profile: { ...profile, version: '1.24' },
    })
    expect(findings).toEqual([])
  })

  it('is broken by nothing that PostgreSQL has seen of it', async () => {
    // What came past the pooler before, such as pg_dump, may do what it likes.
    await stack.sql('SELECT pg_stat_statements_reset()')
    await api.post([{ body: 'book the train', tags: ['travel'] }])
    await api.search('train')
    const connection = await stack.connect('postgres', 'monitoring')
    const { rows } = await connection.query(
      "SELECT FROM pg_stat_statements WHERE query LIKE 'INSERT INTO note%'",
    )
    expect(rows).toHaveLength(1)
    const { findings, skipped } = await auditLive({ connection, profile: { version: '1.24' } })
    await connection.end()
    expect({ findings, skipped }).toEqual({ findings: [], skipped: [] })
  })

  it('has pools of the size that the arithmetic gives', async () => {
    const ini = await readFile(`${ROOT}docker/pgbouncer/pgbouncer.ini`, 'utf8')
    const { settings, warnings } = sizePools({
      cpuCores: 2,
      maxConnections: 100,
      reserved: 20,
      appInstances: 4,
      appPoolMax: 10,
    })
    expect(warnings).toEqual([])
    for (const [name, value] of Object.entries(settings)) expect(ini).toContain(`\n${name} = ${value}\n`)
  })
})

describe('the demo API behind Caddy', () => {
  it('stores a note, and finds it by its words', async () => {
    expect(await api.post([{ body: 'call the plumber', tags: [] }])).toMatchObject([
      { body: 'call the plumber' },
    ])
    expect(await api.search('PLUMB')).toMatchObject([{ body: 'call the plumber' }])
  })
})

/** Something that breaks, and what has to be said about it. */
interface Drill {
  readonly name: string
  readonly alert: Record<string, string>
  readonly summary: RegExp
  /** Breaks it, and returns what heals it. */
  readonly breakIt: () => Promise<() => Promise<unknown>>
}

/** Nothing is timed; but waits, one after the other, may take as long as this on a slow machine. */
const DRILL = { timeout: 1_500_000 }

/** Breaks it, waits for the alert, heals it, and waits for the alert's end. */
async function hold({ alert, breakIt }: Drill): Promise<{ said: Alert; takenBack: Alert }> {
  // What the last drill broke has healed, everywhere.
  await stack.untilHealthy()
  const before = await inbox.size()
  const heal = await breakIt()
  let said: Alert
  try {
    said = await inbox.arrival('firing', alert, before)
  } finally {
    await heal()
  }
  return { said, takenBack: await inbox.arrival('resolved', alert, before) }
}

const begin = (client: Client): Promise<unknown> => client.query('BEGIN; SELECT 1')
const endAll = (clients: readonly Client[]): Promise<unknown> =>
  Promise.all(clients.map((client) => client.end()))

/** As the image for secrets does it at each start, but with a certificate of so many days, and then the service told. */
async function reissue(
  name: string,
  host: string,
  owner: number,
  service: string,
  days: number,
): Promise<void> {
  const files = `${name}.crt ${name}.key`
  const script = `cd /secrets && issue-certificate.sh ${name} ${days} ${host} && install -m 0400 -o ${owner} -g ${owner} ${files} /for/${service}`
  await stack.compose('run', '--rm', '--no-deps', '-T', 'secrets', 'sh', '-c', script)
  await reload(service)
}
async function renew(service: string): Promise<void> {
  await stack.compose('run', '--rm', '--no-deps', '-T', 'secrets')
  await reload(service)
}
async function reload(service: string): Promise<void> {
  if (service === 'pgbouncer') await stack.compose('kill', '--signal=HUP', service)
  else await stack.exec(service, 'caddy', 'reload', '--force', '--config', '/etc/caddy/Caddyfile')
}

/** With CEPH_ARGS as the server's own processes have it. */
const s3Admin = (command: string): Promise<string> =>
  stack.exec(
    's3',
    'sh',
    '-c',
    `CEPH_ARGS="--fsid $(cat /srv/ceph/fsid)" radosgw-admin -n client.rgw ${command}`,
  )

describe('an alert arrives, and is taken back', () => {
  const drills: Drill[] = [
    {
      name: 'PgBouncer is stopped',
      alert: { alertname: 'PgBouncerDown', instance: 'pgbouncer:6432' },
      summary: /^PgBouncer pgbouncer:6432 does not answer$/,
      async breakIt() {
        await stack.compose('stop', '--timeout=2', 'pgbouncer')
        return () => stack.compose('start', 'pgbouncer')
      },
    },
    {
      name: 'a pool is exhausted',
      alert: { alertname: 'PgBouncerClientsWaiting', database: 'app' },
      summary: /^[1-9] clients wait for a connection to app$/,
      async breakIt() {
        const clients = await Promise.all(Array.from({ length: 9 }, () => stack.connect('pgbouncer')))
        // Seven get a server connection, the last two none; PgBouncer sends them away after a while.
        const begun = clients.map((client) => begin(client).catch(() => undefined))
        await Promise.race(begun)
        return () => endAll(clients)
      },
    },
    {
      name: 'PostgreSQL is out of connections',
      alert: { alertname: 'PostgresTooManyConnections', instance: 'postgres:5432' },
      summary: /^PostgreSQL postgres:5432 uses (9\d(\.\d+)?|100)% of its connections$/,
      async breakIt() {
        const clients: Client[] = []
        const connect = await stack.connector('postgres')
        const full = async (): Promise<void> => {
          for (;;) clients.push(await connect())
        }
        await expect(full()).rejects.toThrow(/remaining connection slots are reserved/)
        return () => endAll(clients)
      },
    },
    {
      name: 'the newest backup is damaged',
      alert: { alertname: 'RestoreDrillFailed', database: 'app' },
      summary: /^The last restore drill of main\/app did not prove its backup$/,
      async breakIt() {
        const repair = await store.damage(`${(await store.sets('app')).at(-1)!}dump.pgc.zst`)
        await expect(worker('drill')).rejects.toThrow('Command failed')
        return async () => {
          await repair()
          await worker('drill')
        }
      },
    },
    {
      name: "a day's backup is deleted",
      alert: { alertname: 'RetentionGap', group: 'main/logical/app' },
      summary: /^1 periods without a good backup in main\/logical\/app$/,
      async breakIt() {
        const newest = (await store.sets('app')).at(-1)!
        for (const days of [3, 1]) await store.copyIntoPast(newest, days)
        await store.remove(await store.copyIntoPast(newest, 2))
        return () => store.copyIntoPast(newest, 2)
      },
    },
    {
      name: 'a certificate has expired',
      alert: { alertname: 'CertificateExpiresNow', target: 'postgres://pgbouncer:6432' },
      summary: /^A certificate of postgres:\/\/pgbouncer:6432 has expired$/,
      async breakIt() {
        await reissue('pgbouncer', 'pgbouncer', 999, 'pgbouncer', -1)
        return () => renew('pgbouncer')
      },
    },
    {
      name: 'the certificate of a site behind Caddy is about to expire',
      alert: { alertname: 'CertificateExpiresNow', target: 'api.localhost:8443' },
      summary: /^A certificate of api\.localhost:8443 expires in 2d 23h/,
      async breakIt() {
        await reissue('site', 'api.localhost', 10001, 'caddy', 3)
        return () => renew('caddy')
      },
    },
  ]
  it.each(drills.map((drill) => [drill.name, drill] as const))('when %s', DRILL, async (_, drill) => {
    const { said, takenBack } = await hold(drill)
    expect(said.annotations['summary']).toMatch(drill.summary)
    expect(takenBack.labels).toEqual(said.labels)
  })
})

describe('with a backup every five seconds, an alert arrives, and is taken back', () => {
  beforeAll(async () => {
    if (!hasDocker) return
    await stack.untilHealthy()
    await stack.up({ TEST_BACKUP_SCHEDULE: '*/5 * * * * *' })
    // What was started anew has another port.
    prometheus = await Prometheus.of(stack)
    inbox = await Inbox.of(stack)
  })

  const failed = { alertname: 'BackupFailed', database: 'app' }
  const drills: Drill[] = [
    {
      name: 'the S3 server is stopped',
      alert: failed,
      summary: /^The last backup of main\/app failed$/,
      async breakIt() {
        await stack.compose('kill', 's3')
        return () => stack.compose('start', 's3')
      },
    },
    {
      name: 'the S3 credentials are wrong',
      alert: failed,
      summary: /^The last backup of main\/app failed$/,
      async breakIt() {
        await s3Admin('key rm --uid=ops --access-key=ops')
        return () =>
          s3Admin(
            'key create --uid=ops --key-type=s3 --access-key=ops --secret-key="$(cat /run/secrets/s3_secret_key)"',
          )
      },
    },
    {
      name: 'the worker is killed in the middle of a backup',
      alert: { alertname: 'PostgresBackupOld' },
      summary: /^Nobody reports any backup$/,
      async breakIt() {
        const blocker = await stack.connect('postgres')
        await blocker.query('BEGIN; LOCK TABLE note IN ACCESS EXCLUSIVE MODE')
        await vi.waitFor(async () => {
          const waiting = await stack.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'backup' AND wait_event_type = 'Lock'",
          )
          expect(waiting.trim()).not.toBe('0')
        }, WAIT)
        await stack.compose('kill', 'ops-worker')
        return async () => {
          await blocker.end()
          const killedAt = Date.now() / 1000
          await stack.compose('start', 'ops-worker')
          // The lease of the dead one runs out, and a backup comes about.
          await vi.waitFor(async () => {
            const later = `ops_backup_last_success_timestamp_seconds{database="app"} > ${killedAt}`
            expect(await prometheus.query(later)).toHaveLength(1)
          }, WAIT)
        }
      },
    },
  ]
  it.each(drills.map((drill) => [drill.name, drill] as const))('when %s', DRILL, async (_, drill) => {
    const { said, takenBack } = await hold(drill)
    expect(said.annotations['summary']).toMatch(drill.summary)
    expect(takenBack.labels).toEqual(said.labels)
  })
})

describe('a service that is killed', () => {
  /** How long it stays dead. */
  const DEAD_MS = Number(process.env['OPS_STACK_DEAD_SECONDS'] ?? 10) * 1000

  /** What has to be said while it is dead. The demo API has no alert, and who watches has nobody to watch it. */
  const ALERTS: Partial<Record<Service, Record<string, string>>> = {
    postgres: { alertname: 'PostgresDown', instance: 'postgres:5432' },
    pgbouncer: { alertname: 'PgBouncerDown', instance: 'pgbouncer:6432' },
    s3: { alertname: 'BackupFailed', database: 'app' },
    'ops-worker': { alertname: 'PostgresBackupOld' },
    caddy: { alertname: 'CertificateProbeFailing', target: 'api.localhost:8443' },
    'postgres-exporter': { alertname: 'PostgresDown', instance: 'postgres:5432' },
  }
  let silence: string

  beforeAll(async () => {
    if (!hasDocker) return
    await stack.up({ TEST_BACKUP_SCHEDULE: '*/5 * * * * *' })
    await stack.untilHealthy()
    await untilAlive()
    await untilNothingFires()
    silence = await (await Alertmanager.of(stack)).silence('Nothing')
  })

  afterAll(async () => {
    // What was started anew has another port.
    if (hasDocker) prometheus = await Prometheus.of(stack)
  })

  /** Waits for everything that the stack does, but for what needs the one that is dead. */
  async function untilAlive(dead?: Service): Promise<void> {
    const signs = LIFE_SIGNS.filter(({ needs }) => dead === undefined || !needs.includes(dead))
    await Promise.all(
      signs.map((sign) =>
        vi.waitFor(
          () => sign.see(stack).catch((cause: unknown) => Promise.reject(new Error(sign.name, { cause }))),
          WAIT,
        ),
      ),
    )
  }

  async function untilNothingFires(): Promise<void> {
    const [watch, manager] = [await Prometheus.of(stack), await Alertmanager.of(stack)]
    await vi.waitFor(async () => {
      const firing = await watch.query('ALERTS{alertstate="firing"}')
      expect(firing.map(({ metric }) => metric['alertname'])).toEqual([])
      expect(await manager.firing()).toEqual([])
    }, WAIT)
  }

  async function backups(): Promise<string[]> {
    using current = await BackupStore.of(stack)
    return current.published('app')
  }

  /** When each service but one was started, if it runs. */
  async function lives(except: Service): Promise<Record<string, string>> {
    const containers = (await stack.inspect()).map(({ Config, State }) => [
      Config.Labels['com.docker.compose.service']!,
      State.Status === 'running' ? State.StartedAt : State.Status,
    ])
    return Object.fromEntries(containers.filter(([service]) => service !== except))
  }

  it.each(SERVICES.map((service) => ({ service, alert: ALERTS[service] })))(
    '$service: the rest goes on, nothing is lost, and everything heals by itself',
    DRILL,
    async ({ service, alert }) => {
      // Alertmanager writes down once a minute what it was told.
      await vi.waitFor(
        () => stack.exec('alertmanager', 'grep', '-q', silence, '/var/lib/alertmanager/silences'),
        WAIT,
      )
      const [backupsBefore, livesBefore, said] = [await backups(), await lives(service), await inbox.size()]
      await using writer = new SteadyWriter(stack)
      await vi.waitFor(() => expect(writer.confirmed.length).toBeGreaterThanOrEqual(2), WAIT)

      const killedAt = Date.now() / 1000
      await stack.compose('kill', service)
      try {
        const deadForLong = pause(DEAD_MS)
        await untilAlive(service)
        if (alert !== undefined) await inbox.arrival('firing', alert, said)
        await deadForLong
        await untilAlive(service)
        expect(await lives(service)).toEqual(livesBefore)
      } finally {
        // As after a restart of the machine: who is killed by hand is not started by a restart policy.
        await stack.compose('start', service)
      }

      await stack.untilHealthy()
      await untilAlive()
      const revived = await backups()
      expect(revived).toEqual(expect.arrayContaining(backupsBefore))
      await vi.waitFor(async () => expect((await backups()).length).toBeGreaterThan(revived.length), WAIT)
      const confirmed = [...writer.confirmed]
      await vi.waitFor(() => expect(writer.confirmed.length).toBeGreaterThan(confirmed.length), WAIT)
      const stored = new Set((await stack.sql('SELECT id FROM note')).split('\n'))
      expect(confirmed.filter((id) => !stored.has(id))).toEqual([])
      const watch = await Prometheus.of(stack)
      expect(await watch.query('count_over_time(up{job="prometheus"}[20s])', killedAt)).toHaveLength(1)
      expect(await (await Alertmanager.of(stack)).silences()).toContain(silence)
      await untilNothingFires()
    },
  )
})

describe('the rules', () => {
  /** Names in rules that this stack cannot have, and why. */
  const ELSEWHERE = new Map([
    ['pg_stat_bgwriter_buffers_backend_fsync_total', 'PostgreSQL 16 and older'],
    ['pg_stat_bgwriter_buffers_backend_total', 'PostgreSQL 16 and older'],
    ['pg_stat_bgwriter_buffers_checkpoint_total', 'PostgreSQL 16 and older'],
    ['pg_stat_bgwriter_checkpoints_req_total', 'PostgreSQL 16 and older'],
    ['pg_stat_bgwriter_checkpoints_timed_total', 'PostgreSQL 16 and older'],
  ])

  it('speak of metrics that were scraped, and of no others', async () => {
    await stack.sql("SELECT pg_create_physical_replication_slot('for_its_metrics')")
    const folder = `${ROOT}docker/prometheus/alerts/`
    const rules = await Promise.all((await readdir(folder)).map((name) => readFile(folder + name, 'utf8')))
    const expressions = rules.join('\n').replaceAll(/^\s*#.*$/gm, '')
    const wanted = new Set(expressions.match(/\b(?:up|(?:ops|pg|pgbouncer|probe)_\w+)\b(?=[\s{[)])/g))
    expect(wanted.size).toBeGreaterThan(40)
    await vi.waitFor(async () => {
      const scraped = await prometheus.metricNames()
      expect([...wanted].filter((name) => !scraped.has(name)).toSorted()).toEqual([...ELSEWHERE.keys()])
    }, WAIT)
    await stack.sql("SELECT pg_drop_replication_slot('for_its_metrics')")
  })
})
