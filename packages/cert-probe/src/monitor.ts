import { setTimeout as sleep } from 'node:timers/promises'
import { LONGEST_TIMER_MS } from './deadline.ts'
import { probe, type ProbeOptions } from './probe.ts'
import type { ProbeReport } from './report.ts'
import { formatTarget, parseTarget } from './target.ts'
import { createTlsSettings } from './tls-settings.ts'
import { createTrustStore } from './trust.ts'

/** Options of {@link createMonitor}. */
export interface MonitorOptions extends Omit<ProbeOptions, 'signal' | 'allowAddress'> {
  /** What is probed, as `probe` takes it. */
  readonly targets: readonly string[]
  /** Which addresses may be connected to for a target. @default all */
  readonly allowAddress?: (ip: string, target: string) => boolean
  /** From the end of one probe of a target to its next, 24 days at most. @default 600_000 */
  readonly intervalMs?: number
  /** The part of the interval by which it varies, so that targets do not come in bursts. @default 0.1 */
  readonly jitter?: number
  /** How many targets are probed at once. @default 100 */
  readonly concurrency?: number
  /** Told of each report as it comes. */
  readonly onReport?: (report: ProbeReport) => void
  /** @default Math.random */
  readonly random?: () => number
}

/** Probes targets over and over. */
export interface Monitor {
  /** Begins to probe, each target by its own turn. */
  start(): void
  /** The last report of each target that has been probed. */
  reports(): ProbeReport[]
  /** From now on these are the targets; those that stay keep their rhythm and their last report. */
  setTargets(targets: readonly string[]): void
  /** Ends at once; probes under way are given up. */
  stop(): Promise<void>
  /** The same as `stop`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Probes targets on a schedule and keeps the last report of each.
 *
 * @throws {CertProbeError} `CERT_PROBE_BAD_TARGET`
 *
 * @example
 * ```ts
 * import { createMonitor } from '@ops/cert-probe'
 *
 * await using monitor = createMonitor({
 *   targets: ['example.com', 'postgres://db.example.com:5432'],
 *   intervalMs: 3_600_000,
 *   addresses: 'all',
 *   onReport: ({ target, status }) => console.log(target, status),
 * })
 * monitor.start()
 * ```
 */
export function createMonitor(options: MonitorOptions): Monitor {
  const {
    intervalMs = 600_000,
    jitter = 0.1,
    concurrency = 100,
    random = Math.random,
    onReport,
    targets,
    allowAddress,
    ...rest
  } = options
  const shared = { ...rest, trust: rest.trust ?? createTrustStore(), tls: rest.tls ?? createTlsSettings() }
  const slots = createSlots(concurrency)
  const last = new Map<string, ProbeReport>()
  const loops = new Map<string, { controller: AbortController; done: Promise<void> }>()
  let wanted = normalise(targets)
  let isRunning = false

  const loop = async (target: string, signal: AbortSignal): Promise<void> => {
    // The first round is spread too, over at most ten seconds.
    await sleep(random() * Math.min(intervalMs * jitter, 10_000), undefined, { signal })
    for (;;) {
      await slots.take(signal)
      try {
        const report = await probe(target, {
          ...shared,
          signal,
          ...(allowAddress === undefined ? {} : { allowAddress: (ip) => allowAddress(ip, target) }),
        })
        last.set(target, report)
        onReport?.(report)
      } finally {
        slots.give()
      }
      const pauseMs = intervalMs * (1 + jitter * (2 * random() - 1))
      await sleep(Math.min(pauseMs, LONGEST_TIMER_MS), undefined, { signal })
    }
  }
  const adjust = (): void => {
    for (const [target, { controller }] of loops) {
      if (wanted.has(target)) continue
      controller.abort()
      loops.delete(target)
      last.delete(target)
    }
    for (const target of wanted) {
      if (loops.has(target)) continue
      const controller = new AbortController()
      const done = loop(target, controller.signal).catch((error: unknown) => {
        if (!controller.signal.aborted) throw error
      })
      loops.set(target, { controller, done })
    }
  }
  const stop = async (): Promise<void> => {
    isRunning = false
    const running = [...loops.values()]
    loops.clear()
    for (const { controller } of running) controller.abort()
    await Promise.all(running.map(({ done }) => done))
  }
  return {
    start: () => {
      if (isRunning) return
      isRunning = true
      adjust()
    },
    reports: () => [...last.values()],
    setTargets: (next) => {
      wanted = normalise(next)
      if (isRunning) adjust()
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function normalise(targets: readonly string[]): Set<string> {
  return new Set(targets.map((target) => formatTarget(parseTarget(target))))
}

interface Slots {
  take(signal: AbortSignal): Promise<void>
  give(): void
}

function createSlots(count: number): Slots {
  let free = count
  const waiting: (() => void)[] = []
  return {
    take: async (signal) => {
      signal.throwIfAborted()
      if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve))
      free -= 1
      if (!signal.aborted) return
      free += 1
      waiting.shift()?.()
      signal.throwIfAborted()
    },
    give: () => {
      free += 1
      waiting.shift()?.()
    },
  }
}
