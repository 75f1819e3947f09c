import { UsageError, type CliContext } from '@ops/internal-cli'
import type { JobRecord } from '@ops/internal-jobs'
import { pino } from 'pino'
import type { Config } from './config.ts'
import { openWorker } from './worker.ts'

/** What can be asked for, and what is run for it, in this order. */
export const RUNNABLE: Readonly<Record<string, readonly string[]>> = {
  backup: ['databases', 'backup', 'retention'],
  retention: ['retention'],
  drill: ['databases', 'drill'],
  certificates: ['certificates'],
}

/** How it went with one job. */
export interface RunOutcome extends Omit<JobRecord, 'format' | 'failures' | 'retryAt'> {
  readonly job: string
  readonly database?: string
}

/** Runs jobs of a kind, one after the other, whether or not they are due. */
export async function runNow(
  config: Config,
  { job: asked, database }: { readonly job: string; readonly database?: string },
  { signal, env }: CliContext,
): Promise<RunOutcome[]> {
  const logger = pino({ level: config.logLevel }, pino.destination(2))
  await using worker = await openWorker({ config, env, logger })
  const outcomes: RunOutcome[] = []
  for (const wanted of RUNNABLE[asked]!) {
    // Which databases there are is known once they were looked up.
    const jobs = worker.jobs().filter(({ kind }) => kind === wanted)
    const names = jobs.flatMap((job) => job.database ?? [])
    if (database !== undefined && names.length > 0 && !names.includes(database))
      throw new UsageError(
        `"${database}" is none of the databases that are looked after: ${names.join(', ')}`,
      )
    for (const job of jobs) {
      if (database !== undefined && job.database !== undefined && job.database !== database) continue
      const { format: _, failures: __, retryAt: ___, ...outcome } = await worker.runner.runNow(job, signal)
      outcomes.push({ job: job.kind, database: job.database, ...outcome })
    }
  }
  return outcomes
}
