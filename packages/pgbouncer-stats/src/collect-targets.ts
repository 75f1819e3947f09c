import { collectMetrics, type CollectOptions } from './collect-metrics.ts'
import type { ConnectionOptions } from './connection-options.ts'
import { openConsole, type PgBouncerConsole } from './console.ts'
import { mergeFamilies, withLabel, type MetricFamily } from './metric-family.ts'

export interface NamedConsole {
  /** The value of the label `pgbouncer`; none for the only one. */
  readonly name: string | undefined
  readonly console: PgBouncerConsole
}

export function openTargets(
  targets: ConnectionOptions | Readonly<Record<string, ConnectionOptions>>,
): NamedConsole[] {
  if (isConnection(targets)) return [{ name: undefined, console: openConsole(targets) }]
  return Object.entries(targets).map(([name, connection]) => ({ name, console: openConsole(connection) }))
}

function isConnection(
  targets: ConnectionOptions | Readonly<Record<string, ConnectionOptions>>,
): targets is ConnectionOptions {
  return typeof targets['user'] === 'string'
}

/** All at once: a dead PgBouncer does not hold up the others. */
export async function collectTargets(
  consoles: readonly NamedConsole[],
  options: CollectOptions,
): Promise<MetricFamily[]> {
  const groups = await Promise.all(
    consoles.map(async ({ name, console: each }) => {
      const { families } = await collectMetrics(each, options)
      return name === undefined ? families : withLabel(families, 'pgbouncer', name)
    }),
  )
  return groups.length === 1 ? [...groups[0]!] : mergeFamilies(groups)
}
