import { UsageError, type CliContext } from '@ops/internal-cli'
import { pino } from 'pino'
import type { Config } from './config-schema.ts'
import type { JobKind, JobRecord } from './job.ts'
import { openWorker } from './open-worker.ts'

/** What can be asked for, and what comes after it. */
export const RUNNABLE = {
  backup: ['backup', 'retention'],
  retention: ['retention'],
  drill: ['drill'],
  certificates: ['certificates'],
} as const satisfies Record<string, readonly JobKind[]>

/** How it went with one job. */
export interface RunOutcome extends Omit<JobRecord, 'format' | 'failures' | 'retryAt'> {
  readonly job: JobKind
  readonly database?: string
}

/** Runs jobs of a kind, one after the other, whether or not they are due. */
export async function runNow(
  config: Config,
  kind: keyof typeof RUNNABLE,
  database: string | undefined,
  { signal, env }: CliContext,
): Promise<RunOutcome[]> {
  if (database !== undefined && !config.databases.includes(database))
    throw new UsageError(
      `"${database}" is not one of the databases that are configured: ${config.databases.join(', ')}`,
    )
  const logger = pino({ level: config.logLevel }, pino.destination(2))
  await using worker = await openWorker({ config, env, logger })
  const kinds: readonly JobKind[] = RUNNABLE[kind]
  const outcomes: RunOutcome[] = []
  for (const job of worker.jobs) {
    if (!kinds.includes(job.kind)) continue
    if (database !== undefined && job.database !== undefined && job.database !== database) continue
    const { record } = await worker.turns.take(job, { isForced: true, signal })
    const { slot, startedAt, finishedAt, error, lastSuccessAt } = record!
    outcomes.push({
      job: job.kind,
      database: job.database,
      slot,
      startedAt,
      finishedAt,
      error,
      lastSuccessAt,
    })
  }
  return outcomes
}
