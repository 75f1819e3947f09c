import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collectMetrics } from '../src/collect-metrics.ts'
import { openConsole } from '../src/console.ts'
import { renderText } from '../src/metric-family.ts'
import { asStatsUser, startPooledServer, type PooledServer } from './pooled-server.ts'

const SCRAPES = 10_000
const MEASURE_EVERY = 1000

describe('a long-lived exporter', () => {
  let server: PooledServer
  beforeAll(async () => {
    server = await startPooledServer()
  })
  afterAll(() => server.stop())

  it('needs no more memory after 10,000 scrapes than after 2,000', async (context) => {
    const { bouncer } = server.get(context)
    await bouncer.query('SELECT 1')
    await using console_ = openConsole(asStatsUser(bouncer))
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const heap = (): number => {
      collectGarbage()
      return process.memoryUsage().heapUsed
    }
    const heaps: number[] = []
    for (let scrape = 0; scrape < SCRAPES; scrape += 1) {
      const { families, up } = await collectMetrics(console_)
      if (!up || renderText(families) === '') throw new Error('a scrape failed')
      if (scrape % MEASURE_EVERY === 0) heaps.push(heap())
    }
    const early = Math.max(...heaps.slice(1, 4))
    const late = Math.min(...heaps.slice(-3))
    expect(late - early).toBeLessThan(1024 * 1024)
  })
})
