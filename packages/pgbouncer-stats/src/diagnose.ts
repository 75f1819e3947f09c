import { diagnoseClients, diagnoseDatabases, diagnoseServerTotal } from './diagnose-limits.ts'
import { diagnoseCancels, diagnosePool } from './diagnose-pools.ts'
import { diagnoseDns, diagnoseStatements } from './diagnose-surroundings.ts'
import type { Diagnosis } from './diagnosis.ts'
import type { Snapshot } from './read-pgbouncer.ts'

export type { Diagnosis } from './diagnosis.ts'

/** What {@link diagnose} cannot read from PgBouncer. */
export interface DiagnoseFacts {
  /** PostgreSQL's `max_connections`, less what is reserved. Without it, its limit is not judged. */
  readonly postgresConnections?: number
}

/**
 * Says in plain words what is wrong, with the evidence and the next step. Pure. A second snapshot, some
 * seconds later, adds what only shows over time: whether a wait grows, logins pile up, statements churn.
 *
 * @example
 * ```ts
 * import { setTimeout } from 'node:timers/promises'
 * import { diagnose, readPgBouncer } from '@ops/pgbouncer-stats'
 *
 * const connection = { host: 'localhost', user: 'stats' }
 * const first = await readPgBouncer({ connection })
 * await setTimeout(5000)
 * const second = await readPgBouncer({ connection })
 * for (const { severity, subject, message, nextStep } of diagnose(first, second)) {
 *   console.log(`${severity}: ${subject}: ${message}\n  ${nextStep}`)
 * }
 * ```
 */
export function diagnose(first: Snapshot, second?: Snapshot, facts: DiagnoseFacts = {}): Diagnosis[] {
  const now = second ?? first
  const before = second === undefined ? undefined : first
  const findings = [
    ...(now.pools ?? [])
      .filter(({ database }) => database !== 'pgbouncer')
      .flatMap((pool) => diagnosePool(pool, now, before)),
    ...diagnoseDatabases(now),
    ...diagnoseClients(now),
    ...diagnoseServerTotal(now, facts.postgresConnections),
    ...diagnoseCancels(now),
    ...diagnoseDns(now, before),
    ...diagnoseStatements(now, before),
    ...now.failures.map(({ command, message }): Diagnosis => ({
      code: 'command-failed',
      severity: 'warning',
      subject: 'PgBouncer',
      message: `${command} was not answered: ${message}`,
      evidence: { command },
      nextStep: 'read the PgBouncer log, and check the rights of the user',
    })),
  ]
  const rank = { critical: 0, warning: 1, note: 2 }
  return findings.toSorted((a, b) => rank[a.severity] - rank[b.severity])
}
