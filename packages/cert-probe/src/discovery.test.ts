import { describe, expect, it } from 'vitest'
import { createDiscovery, type DiscoveredTargets } from './discovery.ts'
import type { ProbeReport } from './report.ts'

/** A report of a target whose certificate has these names. */
function reportWith(target: string, dns: readonly string[]): ProbeReport {
  const chain = dns.length === 0 ? [] : [{ sans: { dns, ips: [], emails: [], uris: [] } }]
  return { target, startedAt: '', status: 'ok', endpoints: [{ chain }] } as unknown as ProbeReport
}

describe('discovery', () => {
  const learning = (
    sans: boolean,
  ): { discovery: ReturnType<typeof createDiscovery>; seen: DiscoveredTargets[] } => {
    const seen: DiscoveredTargets[] = []
    const discovery = createDiscovery({
      targets: ['a.example'],
      sans,
      onChange: (targets) => seen.push(targets),
      onError: () => undefined,
    })
    return { discovery, seen }
  }

  it('takes the names in the certificates of its targets, once', () => {
    const { discovery, seen } = learning(true)
    const report = reportWith('a.example:443', ['a.example', 'www.a.example'])
    discovery.learn(report)
    discovery.learn(report)
    expect(seen).toEqual([{ named: ['a.example:443'], found: ['www.a.example:443'] }])
  })

  it('does not go on from what it found, nor take names of what is no target', () => {
    const { discovery, seen } = learning(true)
    discovery.learn(reportWith('a.example:443', ['a.example', 'b.example']))
    discovery.learn(reportWith('b.example:443', ['b.example', 'c.example']))
    expect(seen.at(-1)!.found).toEqual(['b.example:443'])
  })

  it('keeps the names of a server that is down, and forgets those that a new certificate lacks', () => {
    const { discovery, seen } = learning(true)
    discovery.learn(reportWith('a.example:443', ['a.example', 'old.a.example']))
    discovery.learn(reportWith('a.example:443', []))
    expect(seen).toHaveLength(1)
    discovery.learn(reportWith('a.example:443', ['a.example', 'new.a.example']))
    expect(seen.at(-1)!.found).toEqual(['new.a.example:443'])
    discovery.learn(reportWith('a.example:443', ['a.example']))
    expect(seen.at(-1)!.found).toEqual([])
  })

  it('looks at no names unless told to', () => {
    const { discovery, seen } = learning(false)
    discovery.learn(reportWith('a.example:443', ['a.example', 'b.example']))
    expect(seen).toEqual([])
  })

  it('is bounded, whatever certificates say', () => {
    const { discovery, seen } = learning(true)
    const names = Array.from({ length: 30_000 }, (_, index) => `n${index}.example`)
    discovery.learn(reportWith('a.example:443', names))
    expect(seen.at(-1)!.found).toHaveLength(10_000)
  })

  it('begins without a Caddy that is not there, and says so', async () => {
    const errors: unknown[] = []
    await using discovery = createDiscovery({
      targets: ['a.example'],
      caddyUrl: 'http://127.0.0.1:1',
      onChange: () => undefined,
      onError: (source, error) => errors.push([source, error]),
    })
    expect(await discovery.start()).toEqual({ named: ['a.example:443'], found: [] })
    expect(errors).toMatchObject([['caddy', { code: 'CERT_PROBE_DISCOVERY_FAILED' }]])
    expect(discovery.sources()).toEqual([{ source: 'caddy', isFine: false }])
  })

  it('does not begin without its list', async () => {
    await using discovery = createDiscovery({
      listPath: '/does/not/exist',
      onChange: () => undefined,
      onError: () => undefined,
    })
    await expect(discovery.start()).rejects.toMatchObject({ code: 'CERT_PROBE_TARGET_LIST_FAILED' })
  })
})
