import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { CliContext } from '@ops/internal-cli'
import { errorMessage } from '@ops/internal-error'
import { runPsql } from '@ops/pg-backup'
import { readReport } from '@ops/restore-verify'
import { createStatusHandler, keepFor } from '@ops/status-page'
import { pino } from 'pino'
import type { Config } from './config.ts'
import { createStatusReader } from './status.ts'
import { openWorker, type Worker } from './worker.ts'

/** Runs the jobs and the HTTP server until the signal aborts. */
export async function serve(config: Config, { signal, env }: CliContext): Promise<void> {
  const logger = pino({ level: config.logLevel })
  await using worker = await openWorker({ config, env, logger })
  const { store, runner, registry } = worker
  const ready = keepFor(READY_MS, () => problems(config, worker))
  const showStatus = createStatusHandler({
    readStatus: createStatusReader(config, worker),
    readDrillReport: (drill) => readReport(store, drill),
    subscribe: runner.subscribe,
    auth: config.status,
    onError: (error) => logger.error({ reason: errorMessage(error) }, 'the status cannot be read'),
  })
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url?.split('?', 1)[0]
    if (request.method !== 'GET' && request.method !== 'HEAD')
      send(response.setHeader('allow', 'GET, HEAD'), 405, 'only GET and HEAD\n')
    else if (path === '/metrics') send(response, 200, await registry.metrics(), registry.contentType)
    else if (path === '/healthz') send(response, 200, 'ok\n')
    else if (path === '/readyz') {
      const found = await ready()
      send(response, found === '' ? 200 : 503, found === '' ? 'ready\n' : found)
    } else if (!(await showStatus(request, response))) send(response, 404, 'not found\n')
  }
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      logger.error({ path: request.url, reason: errorMessage(error) }, 'a request failed')
      if (response.headersSent) response.destroy()
      else send(response, 500, 'this failed; the log says why\n')
    })
  }).listen(config.listen)
  await once(server, 'listening')
  const { address, family, port } = server.address() as AddressInfo
  const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
  logger.info({ url, cluster: config.cluster, store: store.url }, 'listening')

  signal.addEventListener('abort', () => {
    logger.info({ withinMs: config.shutdown }, 'stopping')
    setTimeout(() => {
      logger.error({}, 'a job did not end in time; what it left is cleaned up by the next run')
      process.exit(1)
    }, config.shutdown).unref()
  })
  try {
    await runner.run(worker.jobs, signal)
  } finally {
    server.close()
    server.closeAllConnections()
  }
  logger.info({}, 'stopped')
}

const READY_MS = 15_000
const PATIENCE_MS = 10_000

/** Why the worker cannot do its work, one line each: store and server are asked. */
async function problems({ cluster, postgres }: Config, { store, env }: Worker): Promise<string> {
  const signal = AbortSignal.timeout(PATIENCE_MS)
  const problemOf = (what: string, asked: Promise<unknown>): Promise<string> =>
    asked.then(
      () => '',
      (error: unknown) => `${what}: ${errorMessage(error)}\n`,
    )
  const found = await Promise.all([
    problemOf('store', store.head(`${cluster}/worker/ready`, { signal })),
    problemOf('postgres', runPsql('SELECT 1', { connection: postgres, env, signal })),
  ])
  return found.join('')
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}
