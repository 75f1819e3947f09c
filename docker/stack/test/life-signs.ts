import { BackupStore } from './backup-store.ts'
import { demoApi } from './demo-api.ts'
import { Prometheus } from './prometheus.ts'
import type { Stack } from './stack.ts'

export const SERVICES = [
  'postgres',
  'pgbouncer',
  's3',
  'ops-worker',
  'demo-api',
  'caddy',
  'postgres-exporter',
  'prometheus',
  'alertmanager',
] as const
export type Service = (typeof SERVICES)[number]

/** Something that the stack does for somebody. */
export interface LifeSign {
  readonly name: string
  /** What it cannot be had without. Every service that is not named here may be dead. */
  readonly needs: readonly Service[]
  /** Resolves when it is there. */
  see(stack: Stack): Promise<void>
}

/** What has to go on while a service that it does not need is dead. */
export const LIFE_SIGNS: readonly LifeSign[] = [
  {
    name: 'PostgreSQL answers',
    needs: ['postgres'],
    async see(stack) {
      const client = await stack.connect('postgres')
      await client.query('SELECT count(*) FROM note')
      await client.end()
    },
  },
  {
    name: "PgBouncer's console answers",
    needs: ['pgbouncer'],
    async see(stack) {
      const console = await stack.connect('pgbouncer', 'pgbouncer_stats', { database: 'pgbouncer' })
      await console.query('SHOW POOLS')
      await console.end()
    },
  },
  {
    name: 'a client gets through PgBouncer',
    needs: ['pgbouncer', 'postgres'],
    async see(stack) {
      const client = await stack.connect('pgbouncer')
      await client.query('SELECT count(*) FROM note')
      await client.end()
    },
  },
  {
    name: 'Caddy answers',
    needs: ['caddy'],
    see: async (stack) => (await demoApi(stack)).expect('/caddy-health'),
  },
  {
    name: 'the demo API lives',
    needs: ['caddy', 'demo-api'],
    see: async (stack) => (await demoApi(stack)).expect('/healthz'),
  },
  {
    name: 'notes are found',
    needs: ['caddy', 'demo-api', 'pgbouncer', 'postgres'],
    see: async (stack) => (await demoApi(stack)).expect('/notes?search=ficus'),
  },
  {
    name: 'backups can be read',
    needs: ['s3'],
    async see(stack) {
      using store = await BackupStore.of(stack)
      const newest = (await store.published('app')).at(-1)!
      await store.read(`${newest}manifest.json`)
    },
  },
  {
    name: 'the worker lives',
    needs: ['ops-worker'],
    see: async (stack) => answers(`http://127.0.0.1:${await stack.port('ops-worker', 8080)}/healthz`),
  },
  {
    name: 'Prometheus scrapes the worker',
    needs: ['prometheus', 'ops-worker'],
    see: (stack) => isTrue(stack, 'up{job="ops-worker"} == 1'),
  },
  {
    name: 'the exporter lives',
    needs: ['postgres-exporter'],
    // Not /metrics: without PostgreSQL it tries to get there for longer than Prometheus waits.
    async see(stack) {
      await stack.exec('postgres-exporter', 'curl', '--silent', '--fail', 'http://127.0.0.1:9187/')
    },
  },
  {
    name: 'PostgreSQL is seen to live',
    needs: ['prometheus', 'postgres-exporter', 'postgres'],
    see: (stack) => isTrue(stack, 'pg_up == 1'),
  },
  {
    name: 'PgBouncer is seen to live',
    needs: ['prometheus', 'ops-worker', 'pgbouncer'],
    see: (stack) => isTrue(stack, 'pgbouncer_up == 1'),
  },
  {
    name: 'Alertmanager takes alerts',
    needs: ['alertmanager'],
    see: async (stack) => answers(`http://127.0.0.1:${await stack.port('alertmanager', 9093)}/-/ready`),
  },
]

async function answers(url: string): Promise<void> {
  const { status } = await fetch(url, { signal: AbortSignal.timeout(30_000) })
  if (status !== 200) throw new Error(`${url}: ${status}`)
}

async function isTrue(stack: Stack, expression: string): Promise<void> {
  const prometheus = await Prometheus.of(stack)
  if ((await prometheus.query(expression)).length === 0) throw new Error(`not so: ${expression}`)
}
