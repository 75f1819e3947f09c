import { setTimeout as sleep } from 'node:timers/promises'
import { LONGEST_TIMER_MS } from './deadline.ts'
import { discoverCaddy } from './discover-caddy.ts'
import type { ProbeReport } from './report.ts'
import { sanTargets } from './san-targets.ts'
import { formatTarget, parseTarget } from './target.ts'
import { readTargetList, watchTargetList } from './target-list.ts'

/** Options of {@link createDiscovery}. */
export interface DiscoveryOptions {
  /** Targets that are always there. @default none */
  readonly targets?: readonly string[]
  /** A file with targets, which is watched; see {@link readTargetList}. */
  readonly listPath?: string
  /** The admin endpoint of a Caddy, all of whose sites are targets; see {@link discoverCaddy}. */
  readonly caddyUrl?: string
  /** Also take the other names in the certificates of these targets. @default false */
  readonly sans?: boolean
  /** Between two questions to Caddy, 24 days at most. @default 600_000 */
  readonly intervalMs?: number
  /** Told of the targets whenever they change, and at the start. */
  readonly onChange: (targets: DiscoveredTargets) => void
  /** The targets stay as they were, and the source is asked again. */
  readonly onError: (source: DiscoverySource, error: unknown) => void
}

/** What a list of targets is read from, beside those that are given. */
export type DiscoverySource = 'file' | 'caddy'

/** What there is to probe, by who named it. */
export interface DiscoveredTargets {
  /** Named by somebody who may: given, in the file, or sites of the Caddy. */
  readonly named: readonly string[]
  /** Names in certificates, which are a stranger's words: they may lead anywhere. */
  readonly found: readonly string[]
}

/** Keeps a list of targets up to date. */
export interface Discovery {
  /** The targets at the beginning. Rejects when the file cannot be read; a Caddy may come up later. */
  start(): Promise<DiscoveredTargets>
  /** Looks for names in what was found at a target, if `sans` is set. */
  learn(report: ProbeReport): void
  /** Whether each source could be read the last time. */
  sources(): { readonly source: DiscoverySource; readonly isFine: boolean }[]
  /** Ends all watching. */
  stop(): Promise<void>
  /** The same as `stop`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** A certificate may hold thousands of names; what they lead to is bounded all the same. */
const MAX_FOUND = 10_000

/**
 * Gathers targets from what is given, from a file, from a Caddy and from the certificates that are found, and
 * says when they change.
 *
 * @throws {CertProbeError} `CERT_PROBE_BAD_TARGET`
 *
 * @example
 * ```ts
 * import { createDiscovery, probeMany } from '@ops/cert-probe'
 *
 * await using discovery = createDiscovery({
 *   targets: ['example.com'],
 *   caddyUrl: 'http://localhost:2019',
 *   onChange: ({ named }) => console.log(`${named.length} targets now`),
 *   onError: (source, error) => console.error(`the ${source} cannot be read`, error),
 * })
 * const { named } = await discovery.start()
 * console.log(await probeMany(named))
 * ```
 */
export function createDiscovery(options: DiscoveryOptions): Discovery {
  const { listPath, caddyUrl, intervalMs = 600_000, onChange, onError } = options
  const given = (options.targets ?? []).map((target) => formatTarget(parseTarget(target)))
  const bySource = new Map<DiscoverySource, readonly string[]>()
  const isFine = new Map<DiscoverySource, boolean>()
  const sansOf = new Map<string, readonly string[]>()
  const stopping = new AbortController()
  let watcher: { close(): void } | undefined
  let asking: Promise<void> = Promise.resolve()

  const allNamed = (): Set<string> => new Set([...given, ...[...bySource.values()].flat()])
  const current = (): DiscoveredTargets => {
    const named = allNamed()
    for (const target of sansOf.keys()) if (!named.has(target)) sansOf.delete(target)
    const found = new Set([...sansOf.values()].flat().filter((target) => !named.has(target)))
    return { named: [...named], found: [...found].slice(0, MAX_FOUND) }
  }
  const update = (source: DiscoverySource, targets: readonly string[]): boolean => {
    isFine.set(source, true)
    const before = bySource.get(source)
    bySource.set(source, targets)
    return before === undefined || before.join('\n') !== targets.join('\n')
  }
  const fail = (source: DiscoverySource, error: unknown): void => {
    isFine.set(source, false)
    onError(source, error)
  }
  /** Whether the sites are others than before. */
  const askCaddy = async (adminUrl: string): Promise<boolean> => {
    try {
      const sites = await discoverCaddy({ adminUrl, signal: stopping.signal })
      return update(
        'caddy',
        sites.map((site) => site.target),
      )
    } catch (error) {
      stopping.signal.throwIfAborted()
      fail('caddy', error)
      return false
    }
  }
  const askAgain = async (adminUrl: string): Promise<void> => {
    for (;;) {
      await sleep(Math.min(intervalMs, LONGEST_TIMER_MS), undefined, { signal: stopping.signal })
      if (await askCaddy(adminUrl)) onChange(current())
    }
  }
  const stop = async (): Promise<void> => {
    stopping.abort()
    watcher?.close()
    await asking
  }
  return {
    start: async () => {
      if (listPath !== undefined) {
        update('file', await readTargetList(listPath))
        watcher = watchTargetList({
          path: listPath,
          onError: (error) => fail('file', error),
          onChange: (targets) => {
            if (update('file', targets)) onChange(current())
          },
        })
      }
      if (caddyUrl !== undefined) {
        await askCaddy(caddyUrl)
        asking = askAgain(caddyUrl).catch((error: unknown) => {
          if (!stopping.signal.aborted) throw error
        })
      }
      return current()
    },
    learn: (report) => {
      if (options.sans !== true || !allNamed().has(report.target)) return
      // A server that is down for a moment has not lost its names.
      if (report.endpoints.every(({ chain }) => chain.length === 0)) return
      const names = sanTargets([report])
      if (names.join('\n') === (sansOf.get(report.target) ?? []).join('\n')) return
      sansOf.set(report.target, names)
      onChange(current())
    },
    sources: () => [...isFine].map(([source, fine]) => ({ source, isFine: fine })),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
