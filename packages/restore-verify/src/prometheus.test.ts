import * as current from '@prometheus-io/client'
import * as former from 'prom-client'
import { describe, expect, it } from 'vitest'
import { createRestoreVerifyMetrics, type MetricsClient } from './prometheus.ts'
import { sampleReport } from './sample-report.ts'

const labels = '{cluster="main",database="shop"}'
const at = Date.parse(sampleReport().finishedAt) / 1000

describe.each([
  ['@prometheus-io/client', current],
  ['prom-client', former],
] as const)('metrics by %s', (_name, client) => {
  function metrics() {
    const registry = new client.Registry()
    const ours = createRestoreVerifyMetrics({
      client: client as unknown as MetricsClient<typeof registry>,
      registry,
    })
    const lines = async (): Promise<string[]> =>
      (await registry.metrics()).split('\n').filter((line) => line.startsWith('ops_restore_verify_'))
    return { record: ours.record.bind(ours), forget: ours.forget.bind(ours), lines }
  }

  it('show a drill that proved its backup', async () => {
    const { record, lines } = metrics()
    record({ report: sampleReport('proven') })
    const shown = await lines()
    expect(shown).toEqual(
      expect.arrayContaining([
        `ops_restore_verify_last_success_timestamp_seconds${labels} ${at}`,
        `ops_restore_verify_last_attempt_timestamp_seconds${labels} ${at}`,
        `ops_restore_verify_last_attempt_success${labels} 1`,
        'ops_restore_verify_duration_seconds{cluster="main",database="shop",phase="restore"} 25.8',
        'ops_restore_verify_duration_seconds{cluster="main",database="shop",phase="clean_up"} 0.6',
        `ops_restore_verify_rows${labels} 2300`,
        `ops_restore_verify_tables${labels} 2`,
        `ops_restore_verify_mismatches${labels} 0`,
      ]),
    )
  })

  it('show one that did not, and keep the last success', async () => {
    const { record, lines } = metrics()
    record({ report: sampleReport('proven') })
    record({ report: { ...sampleReport(), finishedAt: new Date((at + 100) * 1000).toISOString() } })
    const shown = await lines()
    expect(shown).toContain(`ops_restore_verify_last_success_timestamp_seconds${labels} ${at}`)
    expect(shown).toContain(`ops_restore_verify_last_attempt_timestamp_seconds${labels} ${at + 100}`)
    expect(shown).toContain(`ops_restore_verify_last_attempt_success${labels} 0`)
    expect(shown).toContain(`ops_restore_verify_mismatches${labels} 2`)
  })

  it('show nothing of a database that they are told to forget, until it is drilled again', async () => {
    const { record, forget, lines } = metrics()
    record({ report: sampleReport('proven') })
    const before = await lines()
    forget({ cluster: 'main', database: 'shop' })
    expect(await lines()).toEqual([])
    record({ report: sampleReport('proven') })
    expect(await lines()).toEqual(before)
  })

  it('show one that could not be run, and take of an older one only that it succeeded', async () => {
    const { record, lines } = metrics()
    const backup = { cluster: 'main', database: 'shop' }
    record({ backup, error: new Error('no server'), at: new Date((at + 5) * 1000) })
    record({ report: sampleReport('proven') })
    const shown = await lines()
    expect(shown).toEqual([
      `ops_restore_verify_last_success_timestamp_seconds${labels} ${at}`,
      `ops_restore_verify_last_attempt_timestamp_seconds${labels} ${at + 5}`,
      `ops_restore_verify_last_attempt_success${labels} 0`,
    ])
  })
})
