import { once } from 'node:events'
import type { CliContext } from '@ops/internal-cli'
import { Registry } from '@prometheus-io/client'
import { pino } from 'pino'
import type { Config } from './config-schema.ts'
import { startHttpServer } from './http-server.ts'

export async function serve(config: Config, { signal }: CliContext): Promise<void> {
  const logger = pino({ level: config.logLevel })
  const registry = new Registry()
  await using server = await startHttpServer({
    ...config.listen,
    routes: {
      '/healthz': async () => ({ status: 200, body: 'ok\n' }),
      '/metrics': async () => ({ status: 200, type: registry.contentType, body: await registry.metrics() }),
    },
    logger,
  })
  logger.info({ url: server.url }, 'listening')
  if (!signal.aborted) await once(signal, 'abort')
}
