import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const FOLDER = fileURLToPath(new URL('.', import.meta.url))

/** Debian releases and the version of prometheus-community's exporter that each has. */
export const PEERS = { '0.10': 'trixie', '0.12': 'sid' } as const

export interface PeerExporter {
  readonly url: string
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts prometheus-community's exporter in a container that shares this machine's network. */
export async function startPeerExporter(
  version: keyof typeof PEERS,
  connectionUrl: string,
): Promise<PeerExporter> {
  const suite = PEERS[version]
  const image = `ops-pgbouncer-exporter:${suite}`
  await run('docker', [
    'build',
    '-q',
    '--build-arg',
    `SUITE=${suite}`,
    '-t',
    image,
    '-f',
    `${FOLDER}exporter.Dockerfile`,
    FOLDER,
  ])
  const port = await freePort()
  const name = `ops-pgbouncer-exporter-${process.pid}-${randomBytes(4).toString('hex')}`
  const args = [
    `--web.listen-address=127.0.0.1:${port}`,
    `--pgBouncer.connectionString=${connectionUrl}?sslmode=disable`,
    '--pgBouncer.pid-file=',
  ]
  const child = spawn('docker', ['run', '--rm', '--name', name, '--network', 'host', image, ...args], {
    stdio: 'ignore',
  })
  const url = `http://127.0.0.1:${port}/metrics`
  const stop = async (): Promise<void> => {
    await run('docker', ['rm', '-f', name]).catch(() => undefined)
    child.kill()
  }
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const answers = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    if (answers) return { url, [Symbol.asyncDispose]: stop }
    await sleep(200)
  }
  await stop()
  throw new Error(`prometheus-community's exporter ${version} did not answer at ${url}`)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
