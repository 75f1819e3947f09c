import { setTimeout as sleep } from 'node:timers/promises'
import type { CliContext } from '@ops/internal-cli'
import { errorMessage } from '@ops/internal-error'
import { readReport } from '@ops/restore-verify'
import { createStatusHandler } from '@ops/status-page'
import { pino } from 'pino'
import type { Config } from './config-schema.ts'
import { startHttpServer } from './http-server.ts'
import { openWorker } from './open-worker.ts'
import { createStatusReader } from './read-status.ts'
import { createReadiness } from './readiness.ts'
import { runSchedule } from './scheduler.ts'

const POSTPONE_MS = 5000

/** Runs the jobs and the HTTP server until the signal aborts. */
export async function serve(config: Config, { signal, env }: CliContext): Promise<void> {
  const logger = pino({ level: config.logLevel })
  await using worker = await openWorker({ config, env, logger })
  const { registry, jobs } = worker
  await using server = await startHttpServer({
    ...config.listen,
    routes: {
      '/metrics': async () => ({ status: 200, type: registry.contentType, body: await registry.metrics() }),
      '/healthz': async () => ({ status: 200, body: 'ok\n' }),
      '/readyz': createReadiness(config, worker),
    },
    fallback: createStatusHandler({
      readStatus: createStatusReader(config, worker),
      readDrillReport: (drill) => readReport(worker.store, drill),
      subscribe: (changed) => worker.activity.subscribe(changed),
      auth: config.status,
      onError: (error) => logger.error({ reason: errorMessage(error) }, 'the status cannot be read'),
    }),
    logger,
  })
  logger.info({ url: server.url, cluster: config.cluster, store: worker.store.url }, 'listening')

  signal.addEventListener('abort', () => {
    logger.info({ withinMs: config.shutdown }, 'stopping')
    setTimeout(() => {
      logger.error({}, 'a job did not end in time; what it left is cleaned up by the next run')
      process.exit(1)
    }, config.shutdown).unref()
  })
  await runSchedule({
    jobs,
    takeTurn: (job) => worker.turns.take(job, { signal }),
    postponeMs: Math.min(POSTPONE_MS, config.lease.ttlMs / 6),
    clock: { now: Date.now, sleep: (ms, until) => sleep(ms, undefined, { signal: until }) },
    logger,
    signal,
  })
  logger.info({}, 'stopped')
}
