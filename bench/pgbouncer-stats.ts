import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import {
  dockerAvailable,
  MissingServerError,
  startPgBouncer,
  startPostgres,
  type PgBouncer,
} from '@ops/testbed'
import { createExporter, openConsole, readPgBouncer } from '@ops/pgbouncer-stats'
import { compare, type BenchCase } from './harness/compare.ts'
import { progress } from './harness/progress.ts'
import { startPeerExporter } from '../packages/pgbouncer-stats/test/peer-exporter.ts'

export const name = 'pgbouncer-stats'

const CLI = fileURLToPath(new URL('../packages/pgbouncer-stats/dist/cli.js', import.meta.url))
const POOLS = 1000
const MANY_POOLS = 10_000
const SECONDS_FOR_MANY = 1

/** Scrapes of one PgBouncer with very many pools, by ours and by prometheus-community's exporter. */
export async function* cases(): AsyncGenerator<BenchCase> {
  await using postgres = await startPostgres({ auth: 'trust' })
  const databases = (count: number): Record<string, string> =>
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [
        `db${index}`,
        `host=${postgres.host} port=${postgres.port} dbname=postgres`,
      ]),
    )
  const start = (count: number): Promise<PgBouncer> =>
    startPgBouncer({
      postgres,
      databases: databases(count),
      settings: {
        pool_mode: 'transaction',
        auth_type: 'trust',
        ignore_startup_parameters: 'extra_float_digits',
        // One server connection for each pool would be more than PostgreSQL has: close them after use.
        server_lifetime: '0',
      },
    })
  await using bouncer = await start(POOLS)
  await openPools(bouncer, POOLS)
  yield* besidePeer(bouncer)
  await using large = await start(MANY_POOLS)
  await openPools(large, MANY_POOLS)
  yield* manyPools(large)
}

async function* besidePeer(bouncer: PgBouncer): AsyncGenerator<BenchCase> {
  if (!(await dockerAvailable()))
    throw new MissingServerError('the peer runs in a container, and no Docker engine answers')
  for (const version of ['0.10', '0.12'] as const) {
    await using theirs = await startPeerExporter(version, bouncer.adminUrl)
    await using exporter = createExporter({
      targets: connectionOf(bouncer),
      host: '127.0.0.1',
      port: 0,
      compat: version,
    })
    const { port } = await exporter.start()
    yield await compare({
      case: `scrape of ${POOLS} pools as ${version}`,
      unit: 's',
      peerName: `prometheus-community's exporter ${version}`,
      target: 1,
      runs: 15,
      warmups: 3,
      ours: () => scrapeSeconds(`http://127.0.0.1:${port}/metrics`),
      peer: () => scrapeSeconds(theirs.url),
    })
  }
}

/** By the program that people run, in a process of its own. */
async function* manyPools(bouncer: PgBouncer): AsyncGenerator<BenchCase> {
  const allowed = { unit: 's', peerName: 'the most allowed', target: 1, peer: () => SECONDS_FOR_MANY }
  {
    await using exporter = await startExporter(bouncer)
    yield await compare({
      ...allowed,
      case: `scrape of ${MANY_POOLS} pools under both names`,
      ours: () => scrapeSeconds(exporter.url),
    })
  }
  // Without what a process has warmed up after a while: compiled code, a grown heap, the open console.
  yield await compare({
    ...allowed,
    case: `first scrape of ${MANY_POOLS} pools by a new process`,
    warmups: 0,
    ours: async () => {
      await using exporter = await startExporter(bouncer)
      return await scrapeSeconds(exporter.url)
    },
  })
}

async function startExporter({ adminUrl }: PgBouncer): Promise<{ url: string } & AsyncDisposable> {
  const child = spawn(process.execPath, [CLI, 'serve', '--port', '0'], {
    env: { PATH: process.env['PATH'], PGBOUNCER_URL: adminUrl },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = once(child, 'close')
  for await (const line of createInterface({ input: child.stderr })) {
    const url = /listening on (\S+)/.exec(line)?.[1]
    if (url === undefined) continue
    const stop = async (): Promise<void> => {
      child.kill()
      await ended
    }
    return { url, [Symbol.asyncDispose]: stop }
  }
  throw new Error('pgbouncer-stats serve ended before it listened')
}

function connectionOf({
  host,
  port,
  adminUser,
  adminPassword,
}: PgBouncer): Parameters<typeof openConsole>[0] {
  return { host, port, user: adminUser, password: adminPassword }
}

/** From the request to the last byte. A scrape that is not whole does not count. */
async function scrapeSeconds(url: string): Promise<number> {
  const startedAt = performance.now()
  const body = Buffer.from(await (await fetch(url)).arrayBuffer())
  const seconds = (performance.now() - startedAt) / 1000
  if (!body.includes('\npgbouncer_up 1\n')) throw new Error(`the scrape of ${url} was not whole`)
  return seconds
}

/** A pool exists once a client has asked for it: a login does, and no query is needed. */
async function openPools(bouncer: PgBouncer, count: number): Promise<void> {
  progress(`opening ${count} pools`)
  const names = Array.from({ length: count }, (_, index) => `db${index}`)
  const worker = async (): Promise<void> => {
    for (let each = names.pop(); each !== undefined; each = names.pop()) await bouncer.query('SELECT 1', each)
  }
  await Promise.all(Array.from({ length: 32 }, worker))
  const { pools } = await readPgBouncer({ connection: connectionOf(bouncer), show: ['pools'] })
  if ((pools?.length ?? 0) < count)
    throw new Error(`${pools?.length ?? 0} pools were opened instead of ${count}`)
}
