import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { isListening } from './endpoints.ts'

const run = promisify(execFile)
const FOLDER = fileURLToPath(new URL('docker/', import.meta.url))
const STARTTLS_FOLDER = fileURLToPath(new URL('../../../docker/starttls/', import.meta.url))

/** A program from the image of peers, running in the network of this machine. */
export interface Peer {
  readonly container: string
  logs(): Promise<string>
  exec(...command: string[]): Promise<string>
  stop(): Promise<void>
}

/** Builds the image of peers from a Debian release, unless it is there. */
export async function buildPeers(suite: 'trixie' | 'sid'): Promise<string> {
  return buildImage('ops-cert-probe-peers', FOLDER, suite)
}

/** The same for the image of servers that change to TLS on request. */
export async function buildStartTlsServers(): Promise<string> {
  return buildImage('ops-cert-probe-starttls', STARTTLS_FOLDER, 'trixie')
}

async function buildImage(name: string, folder: string, suite: string): Promise<string> {
  const hash = createHash('sha256')
  for (const file of readdirSync(folder).toSorted())
    hash.update(`${file}\0`).update(readFileSync(join(folder, file)))
  const tag = `${name}:${suite}-${hash.digest('hex').slice(0, 12)}`
  const isThere = await run('docker', ['image', 'inspect', tag]).then(
    () => true,
    () => false,
  )
  if (!isThere)
    await run('docker', ['build', '--build-arg', `SUITE=${suite}`, '--tag', tag, folder], {
      maxBuffer: 64 << 20,
    })
  return tag
}

/** Starts a program in a container, and waits until it listens on `port`. */
export async function startPeer(
  image: string,
  command: readonly string[],
  port: number,
  options: { mount?: string; env?: Record<string, string> } = {},
): Promise<Peer> {
  const mount = options.mount === undefined ? [] : ['--volume', `${options.mount}:${options.mount}`]
  const env = Object.entries(options.env ?? {}).flatMap(([name, value]) => ['--env', `${name}=${value}`])
  const { stdout } = await run('docker', [
    'run',
    '--detach',
    '--rm',
    '--init',
    '--network',
    'host',
    ...mount,
    ...env,
    image,
    ...command,
  ])
  const container = stdout.trim()
  const peer: Peer = {
    container,
    logs: async () => {
      const { stdout: out, stderr } = await run('docker', ['logs', '--tail', '50', container])
      return out + stderr
    },
    exec: async (...args) => (await run('docker', ['exec', container, ...args])).stdout,
    stop: async () => {
      await run('docker', ['rm', '--force', container]).catch(() => undefined)
    },
  }
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (await isListening(port)) return peer
    const isRunning = await run('docker', ['inspect', container]).then(
      () => true,
      () => false,
    )
    if (!isRunning) throw new Error(`${command[0]} ended before it listened on port ${port}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const logs = await peer.logs()
  await peer.stop()
  throw new Error(`${command[0]} does not listen on port ${port}: ${logs}`)
}
