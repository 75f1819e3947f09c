import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findProgram, needs } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readPgBouncer } from '../src/read-pgbouncer.ts'
import type { StatsTotalsRow } from '../src/show-rows.ts'
import { simulatePools } from '../src/simulate-pools.ts'
import { asStatsUser, startPooledServer, type PooledServer } from './pooled-server.ts'

const run = promisify(execFile)
const POOL_SIZE = 4
const CLIENTS = 16
const THINK_MS = 400
const SECONDS = 16

describe('simulatePools beside a real PgBouncer under pgbench', () => {
  let server: PooledServer
  const folder = mkdtempSync(join(tmpdir(), 'pgbench-'))
  beforeAll(async () => {
    server = await startPooledServer({
      settings: {
        pool_mode: 'transaction',
        default_pool_size: String(POOL_SIZE),
        min_pool_size: String(POOL_SIZE),
      },
    })
  })
  afterAll(async () => {
    rmSync(folder, { recursive: true })
    await server.stop()
  })

  it('predicts the mean wait within 25 %', async (context) => {
    const { bouncer, postgres } = server.get(context)
    const pgbench =
      postgres.binFolder === undefined ? findProgram('pgbench') : join(postgres.binFolder, 'pgbench')
    needs(context, pgbench !== undefined, 'pgbench is not on this machine')
    // Transactions of 100 to 300 ms, which sleep rather than compute, so that the machine's load matters little.
    const script = '\\set t random(100, 300)\nSELECT pg_sleep(:t / 1000.0);\n'
    writeFileSync(join(folder, 'service.sql'), script)
    writeFileSync(join(folder, 'load.sql'), `\\sleep ${THINK_MS} ms\n${script}`)
    const bench = async (args: readonly string[]): Promise<string> => {
      const { stdout } = await run(pgbench!, ['-n', '--random-seed=7', ...args], {
        cwd: folder,
        env: { ...process.env, ...bouncer.env() },
      })
      return stdout
    }

    // One client never waits: what its transactions take is how the service times are distributed.
    await bench(['-f', 'service.sql', '-c', '1', '-t', '40', '-l'])
    const log = readdirSync(folder).find((name) => name.startsWith('pgbench_log'))!
    const lines = readFileSync(join(folder, log), 'utf8').trim().split('\n')
    const alone = lines.map((line) => Number(line.split(' ')[2]))
    const meanAlone = alone.reduce((sum, time) => sum + time, 0) / alone.length

    const totals = async (): Promise<StatsTotalsRow> => {
      const { statsTotals } = await readPgBouncer({ connection: asStatsUser(bouncer), show: ['statsTotals'] })
      return statsTotals!.find(({ database }) => database === 'postgres')!
    }
    const before = await totals()
    const report = await bench([
      '-r',
      '-f',
      'load.sql',
      '-c',
      String(CLIENTS),
      '-j',
      '1',
      '-T',
      String(SECONDS),
    ])
    const after = await totals()
    const transactions = Number(after.xactCount) - Number(before.xactCount)
    const measured = ((after.waitTimeSeconds - before.waitTimeSeconds) / transactions) * 1000
    // How long they take on the average is what PgBouncer measured in this very run: it counts the
    // time of a transaction from the client's request on, so that the wait is a part of it.
    const inTransaction = ((after.xactTimeSeconds - before.xactTimeSeconds) / transactions) * 1000
    const service = inTransaction - measured
    const serviceTimesMs = alone.map((time) => (time / meanAlone) * service)

    // On a loaded machine clients sleep for longer than they are told: pgbench says for how long they did.
    const thinkMs = Number(/^\s*([\d.]+)\s.*\\sleep/m.exec(report)?.[1])
    expect(thinkMs).toBeGreaterThanOrEqual(THINK_MS)
    const load = { kind: 'clients', clients: CLIENTS, thinkTimesMs: [thinkMs] } as const
    const { meanWaitMs } = simulatePools({ poolSize: POOL_SIZE, serviceTimesMs, load })
    // Otherwise next to nobody waits, and there is nothing to predict.
    expect(measured).toBeGreaterThan(50)
    expect(
      Math.abs(meanWaitMs / measured - 1),
      `predicted ${meanWaitMs} ms, measured ${measured} ms`,
    ).toBeLessThan(0.25)
  })
})
