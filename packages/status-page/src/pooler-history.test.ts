import { describe, expect, it } from 'vitest'
import { createPoolerHistory } from './pooler-history.ts'
import type { PoolStatus } from './status.ts'

const START = Date.parse('2026-11-21T09:00:00Z')
const MINUTE = 60_000

function pool(serversActive: number, clientsWaiting: number): PoolStatus {
  return {
    database: 'app',
    user: 'app',
    mode: 'transaction',
    clientsActive: serversActive,
    clientsWaiting,
    serversActive,
    serversIdle: 0,
    size: 20,
    maxWaitSeconds: 0,
  }
}

describe('the history of a pooler', () => {
  it('has the worst of each minute: the fullest pool, and all who waited', () => {
    const history = createPoolerHistory()
    history.add([pool(10, 0), pool(5, 0)], START + 1000)
    history.add([pool(20, 3), pool(5, 4)], START + 20_000)
    history.add([pool(1, 0)], START + 59_000)
    history.add([pool(2, 0)], START + MINUTE)
    expect(history.samples()).toEqual([
      { at: '2026-11-21T09:00:00.000Z', saturation: 1, clientsWaiting: 7 },
      { at: '2026-11-21T09:01:00.000Z', saturation: 0.1, clientsWaiting: 0 },
    ])
  })

  it('has no more than the last six hours, however many pools and looks there are', () => {
    const history = createPoolerHistory()
    const pools = Array.from({ length: 1000 }, () => pool(1, 0))
    for (let minute = 0; minute < 500; minute += 1)
      for (let look = 0; look < 3; look += 1) history.add(pools, START + minute * MINUTE + look)
    expect(history.samples()).toHaveLength(360)
    expect(history.samples()[0]?.at).toBe('2026-11-21T11:20:00.000Z')
    expect(JSON.stringify(history.samples()).length).toBeLessThan(50_000)
  })

  it('of a pooler without pools is empty pools, not a gap', () => {
    const history = createPoolerHistory()
    history.add([], START)
    expect(history.samples()).toEqual([{ at: '2026-11-21T09:00:00.000Z', saturation: 0, clientsWaiting: 0 }])
  })
})
