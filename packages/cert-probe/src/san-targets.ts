import type { ProbeReport } from './report.ts'
import { formatTarget, parseTarget } from './target.ts'

/**
 * The other names of the certificates that were found, as targets on the same port and protocol.
 * A wildcard stands for names that are not known, so the name without its star is taken.
 *
 * @example
 * ```ts
 * import { probe, probeMany, sanTargets } from '@ops/cert-probe'
 *
 * const report = await probe('example.com')
 * const others = await probeMany(sanTargets([report]))
 * console.log(others.map(({ target, status }) => `${target}: ${status}`))
 * ```
 */
export function sanTargets(reports: readonly ProbeReport[]): string[] {
  const known = new Set(reports.map((report) => report.target))
  const found = reports.flatMap(({ target, endpoints }) => {
    const parsed = parseTarget(target)
    if (parsed.kind !== 'network') return []
    const names = endpoints.flatMap(({ chain }) => chain[0]?.sans.dns ?? [])
    // A name in a certificate is a stranger's: only what can be a host name is believed.
    const hosts = names
      .map((name) => name.replace(/^\*\./, '').toLowerCase())
      .filter((name) => /^[a-z0-9_-]+(\.[a-z0-9_-]+)+$/.test(name))
    return hosts.map((host) => formatTarget({ ...parsed, host }))
  })
  return [...new Set(found)].filter((target) => !known.has(target))
}
