import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import * as client from '@prometheus-io/client'
import { dockerAvailable, needs, startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createBackup } from '../src/index.ts'
import { createBackupMetrics } from '../src/prometheus.ts'
import { connectionTo, temporaryStore } from './harness.ts'
import { until } from './until.ts'

const run = promisify(execFile)
const IMAGE = 'ops-pg-backup-prometheus'
const registry = new client.Registry()
const metrics = createBackupMetrics({ client, registry })

let hasDocker = false
let server: Postgres
let exporter: Server

beforeAll(async () => {
  hasDocker = await dockerAvailable()
  if (!hasDocker) return
  await run('docker', ['build', '--tag', IMAGE, join(import.meta.dirname, 'docker')], { maxBuffer: 2 ** 26 })
  server = await startPostgres({ mode: 'local' })
  await server.createDatabase('app')
  await server.query('CREATE TABLE people AS SELECT generate_series(1, 42) AS id', 'app')
  await using place = await temporaryStore()
  const { store } = place
  await createBackup({ store, connection: connectionTo(server, 'app'), hooks: [metrics] })
  const wrong = { ...connectionTo(server, 'app'), password: 'wrong' }
  await createBackup({ store, connection: wrong, hooks: [metrics] }).catch(() => undefined)

  exporter = createServer((_request, response) => {
    void registry.metrics().then((body) => response.setHeader('content-type', registry.contentType).end(body))
  })
  exporter.listen(0, '127.0.0.1')
  await once(exporter, 'listening')
})

afterAll(async () => {
  exporter?.close()
  await server?.stop()
})

it('promtool has nothing to say against the metrics', async (context) => {
  needs(context, hasDocker, 'no Docker engine answers')
  const promtool = spawn('docker', ['run', '--rm', '--interactive', IMAGE, 'promtool', 'check', 'metrics'])
  promtool.stdin.end(await registry.metrics())
  const [said, [code]] = await Promise.all([
    Promise.all([text(promtool.stdout), text(promtool.stderr)]),
    once(promtool, 'close'),
  ])
  expect({ said, code }).toEqual({ said: ['', ''], code: 0 })
})

it('a real Prometheus scrapes all nine of them, and its alert for an old backup can be asked', async (context) => {
  needs(context, hasDocker, 'no Docker engine answers')
  await using prometheus = await startPrometheus((exporter.address() as AddressInfo).port)
  const { query } = prometheus
  await until(async () => (await query('ops_backup_rows')).length > 0)
  const names = new Set((await query('{__name__=~"ops_backup_.+"}')).map(({ metric }) => metric['__name__']))
  expect([...names].toSorted((a, b) => (a! < b! ? -1 : 1))).toEqual([
    'ops_backup_duration_seconds',
    'ops_backup_failures_total',
    'ops_backup_in_progress',
    'ops_backup_last_attempt_success',
    'ops_backup_last_attempt_timestamp_seconds',
    'ops_backup_last_success_timestamp_seconds',
    'ops_backup_raw_bytes',
    'ops_backup_rows',
    'ops_backup_stored_bytes',
  ])
  const one = async (expression: string) => (await query(expression)).map(({ value }) => value[1])
  const app = '{cluster="main",database="app"}'
  expect(await one(`ops_backup_rows${app}`)).toEqual(['42'])
  expect(await one(`ops_backup_last_attempt_success${app}`)).toEqual(['0'])
  expect(await one(`sum by (database) (ops_backup_failures_total${app})`)).toEqual(['1'])
  expect(await one('ops_backup_failures_total{code="BACKUP_CONNECT_FAILED"}')).toEqual(['1'])
  expect(await one('time() - ops_backup_last_success_timestamp_seconds > 26 * 3600')).toEqual([])
  expect(await one('time() - ops_backup_last_success_timestamp_seconds < 26 * 3600')).toHaveLength(1)
})

interface Sample {
  readonly metric: Record<string, string>
  readonly value: readonly [number, string]
}

interface RunningPrometheus extends AsyncDisposable {
  readonly query: (expression: string) => Promise<Sample[]>
}

/** Starts it on a port of its own choice in the network of this machine, and scrapes the other one every second. */
async function startPrometheus(targetPort: number): Promise<RunningPrometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'pg-backup-prometheus-'))
  await writeFile(
    join(folder, 'prometheus.yml'),
    `global: { scrape_interval: 1s }
scrape_configs:
  - job_name: backups
    static_configs: [{ targets: ['127.0.0.1:${targetPort}'] }]
`,
  )
  const port = await freePort()
  const options = ['--detach', '--rm', '--init', '--network', 'host', '--volume', `${folder}:/etc/scrape:ro`]
  const flags = ['--config.file=/etc/scrape/prometheus.yml', '--storage.tsdb.path=/tmp/tsdb']
  const listen = `--web.listen-address=127.0.0.1:${port}`
  const { stdout } = await run('docker', ['run', ...options, IMAGE, 'prometheus', ...flags, listen])
  return {
    query: async (expression) => {
      const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`
      const response = await fetch(url).catch(() => undefined)
      if (response?.ok !== true) return []
      const { data } = (await response.json()) as { data: { result: Sample[] } }
      return data.result
    },
    [Symbol.asyncDispose]: async () => {
      await run('docker', ['rm', '--force', stdout.trim()])
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
