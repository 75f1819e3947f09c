import { Registry as OldRegistry } from 'prom-client'
import { Registry as NewRegistry } from '@prometheus-io/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { registerPgBouncerMetrics } from '../src/prometheus.ts'
import { createExporter } from '../src/serve.ts'
import { startHostileServer } from './hostile-server.ts'
import { asStatsUser, startPooledServer, type PooledServer } from './pooled-server.ts'

let server: PooledServer
beforeAll(async () => {
  server = await startPooledServer()
})
afterAll(() => server.stop())

const fetchText = async (
  port: number,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers })
  return { status: response.status, text: await response.text() }
}

describe('the exporter', () => {
  it('serves /metrics of one PgBouncer, by its stats user, with no label of its own', async (context) => {
    const { bouncer } = server.get(context)
    await bouncer.query('SELECT 1', 'postgres')
    await using exporter = createExporter({ targets: asStatsUser(bouncer), host: '127.0.0.1', port: 0 })
    const { port } = await exporter.start()
    const { text } = await fetchText(port, '/metrics')
    expect(text).toContain('pgbouncer_up 1\n')
    expect(text).toMatch(/^pgbouncer_version_info\{version="PgBouncer 1\.\d+\.\d+"\} 1$/m)
    expect(text).toMatch(/^pgbouncer_stats_totals_queries_pooled_total\{database="postgres"\} [1-9]/m)
    expect(text).toMatch(/^pgbouncer_pools_server_utilization_ratio\{database="postgres",user="[^"]+"\} 0$/m)
  })

  it('serves many PgBouncers, and a hanging one costs the others nothing but the deadline', async (context) => {
    const { bouncer } = server.get(context)
    await using hanging = await startHostileServer(() => undefined)
    const targets = {
      good: asStatsUser(bouncer),
      bad: hanging.connection,
      gone: { host: '127.0.0.1', port: 1, user: 'x' },
    }
    await using exporter = createExporter({ targets, host: '127.0.0.1', port: 0, timeoutMs: 5000 })
    const { port } = await exporter.start()
    const { text } = await fetchText(port, '/metrics')
    expect(text).toContain('pgbouncer_up{pgbouncer="good"} 1\n')
    expect(text).toContain('pgbouncer_up{pgbouncer="bad"} 0\n')
    expect(text).toContain(
      'pgbouncer_command_failure_info{pgbouncer="bad",command="SHOW VERSION",reason="PGBOUNCER_TIMEOUT"} 1\n',
    )
    expect(text).toContain(
      'pgbouncer_command_failure_info{pgbouncer="gone",command="SHOW VERSION",reason="PGBOUNCER_UNREACHABLE"} 1\n',
    )
    expect(text.match(/^# TYPE pgbouncer_up /gm)).toHaveLength(1)
  })

  it('keeps to the deadline that Prometheus announces, when that is sooner', async () => {
    await using hanging = await startHostileServer(() => undefined)
    await using exporter = createExporter({
      targets: hanging.connection,
      host: '127.0.0.1',
      port: 0,
      // Longer than the test may take: what answers in time is Prometheus's own deadline.
      timeoutMs: 600_000,
    })
    const { port } = await exporter.start()
    const { text } = await fetchText(port, '/metrics', { 'x-prometheus-scrape-timeout-seconds': '0.8' })
    expect(text).toContain('pgbouncer_up 0\n')
  })

  it('probes the targets that are listed, and no other', async (context) => {
    const { bouncer } = server.get(context)
    await using exporter = createExporter({
      probeTargets: { main: asStatsUser(bouncer) },
      host: '127.0.0.1',
      port: 0,
    })
    const { port } = await exporter.start()
    expect((await fetchText(port, '/probe?target=main')).text).toContain('pgbouncer_up 1\n')
    for (const target of [
      '',
      `${bouncer.host}:${bouncer.port}`,
      'toString',
      '__proto__',
      'postgres://x@127.0.0.1/',
    ]) {
      expect(await fetchText(port, `/probe?target=${encodeURIComponent(target)}`)).toMatchObject({
        status: 400,
      })
    }
  })

  it('answers what is not asked well without falling over', async () => {
    await using exporter = createExporter({ host: '127.0.0.1', port: 0 })
    const { port } = await exporter.start()
    expect(await fetchText(port, '/nothing')).toMatchObject({ status: 404 })
    expect(await fetchText(port, '//')).toMatchObject({ status: expect.any(Number) as number })
    const post = await fetch(`http://127.0.0.1:${port}/metrics`, { method: 'POST' })
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    expect(await fetchText(port, '/healthz')).toMatchObject({ status: 200, text: 'ok\n' })
  })

  it('says what to do when the port is taken', async () => {
    await using first = createExporter({ host: '127.0.0.1', port: 0 })
    const { port } = await first.start()
    const second = createExporter({ host: '127.0.0.1', port })
    await expect(second.start()).rejects.toMatchObject({ code: 'PGBOUNCER_BAD_OPTIONS' })
  })

  it('follows PgBouncer through a restart', async (context) => {
    const { bouncer } = server.get(context)
    await using exporter = createExporter({ targets: asStatsUser(bouncer), host: '127.0.0.1', port: 0 })
    const { port } = await exporter.start()
    await fetchText(port, '/metrics')
    await bouncer.restart()
    expect((await fetchText(port, '/metrics')).text).toContain('pgbouncer_up 1\n')
  })
})

describe.each([
  ['prom-client', OldRegistry],
  ['@prometheus-io/client', NewRegistry],
])('a registry of %s', (_name, Registry) => {
  it("gives PgBouncer's metrics when it is scraped, and lets go of them", async (context) => {
    const { bouncer } = server.get(context)
    const registry = new Registry()
    const registered = registerPgBouncerMetrics({ registry, targets: asStatsUser(bouncer) })
    const [first, second] = await Promise.all([registry.metrics(), registry.metrics()])
    expect(first).toMatch(/^pgbouncer_up 1$/m)
    expect(second).toMatch(/^pgbouncer_up 1$/m)
    expect(first).toMatch(/^pgbouncer_databases_pool_size\{name="pgbouncer",.*\} 2$/m)
    registered.unregister()
    expect((await registry.metrics()).trim()).toBe('')
  })

  it('gives counters their names in OpenMetrics too', async (context) => {
    const { bouncer } = server.get(context)
    const registry = new Registry()
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never)
    const registered = registerPgBouncerMetrics({ registry, targets: { main: asStatsUser(bouncer) } })
    expect(await registry.metrics()).toMatch(
      /^pgbouncer_stats_queries_pooled_total\{pgbouncer="main",database="pgbouncer"\} \d+$/m,
    )
    registered.unregister()
  })
})
