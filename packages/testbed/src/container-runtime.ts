import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { GenericContainer, Wait, type Content } from 'testcontainers'
import { ownerLabels, prepareDocker } from './docker.ts'
import { freePort } from './free-port.ts'
import { ensureImage, type ImageKind, type Suite } from './image.ts'
import type { ServerRuntime } from './runtime.ts'

type Docker = Awaited<ReturnType<typeof prepareDocker>>
type Container = ReturnType<Docker['getContainer']>

const LOG_HEADER_BYTES = 8

export interface ContainerOptions {
  readonly kind: ImageKind
  readonly suite: Suite
  /** The port in the container. */
  readonly port: number
  /** What the server writes to its log when it is ready. */
  readonly readyMessage: RegExp
  readonly startTimeoutMs?: number
  readonly environment?: Record<string, string>
  /** Contents by path in the container; readable by everybody in there. */
  readonly files?: Readonly<Record<string, string>>
  readonly command?: readonly string[]
  /** A folder of this machine that goes away with the container. */
  readonly folder?: string
  /** An existing network to join. @default a network of its own */
  readonly network?: string
}

export interface StartedContainer {
  readonly runtime: ServerRuntime
  readonly host: string
  /** The port on this machine; it stays the same when the server is started again. */
  readonly port: number
  readonly network: string
  /** The server's name on the network. */
  readonly name: string
  readonly copyFiles: (files: Readonly<Record<string, string>>) => Promise<void>
}

/** Builds the image if need be and starts a container, published on 127.0.0.1 alone. */
export async function startContainer(options: ContainerOptions): Promise<StartedContainer> {
  const docker = await prepareDocker()
  const image = await ensureImage(options.kind, options.suite)
  const name = `ops-testbed-${options.kind}-${process.pid}-${randomBytes(4).toString('hex')}`
  const ownNetwork = options.network === undefined ? await createNetwork(docker, name) : undefined
  const network = options.network ?? name
  const removeRest = async (): Promise<void> => {
    await ownNetwork?.remove()
    if (options.folder !== undefined) rmSync(options.folder, { recursive: true, force: true })
  }
  try {
    const port = await freePort()
    const started = await new GenericContainer(image)
      .withName(name)
      .withLabels(ownerLabels())
      .withNetworkMode(network)
      .withExposedPorts({ container: options.port, host: port })
      .withEnvironment(options.environment ?? {})
      .withCopyContentToContainer(contents(options.files ?? {}))
      .withCommand([...(options.command ?? [])])
      .withWaitStrategy(Wait.forLogMessage(options.readyMessage))
      .withStartupTimeout(options.startTimeoutMs ?? 60_000)
      .start()
    return {
      runtime: containerRuntime(docker.getContainer(started.getId()), removeRest),
      host: '127.0.0.1',
      port,
      network,
      name,
      copyFiles: async (files) => await started.copyContentToContainer(contents(files)),
    }
  } catch (error) {
    throw await withLog(error, docker.getContainer(name), removeRest)
  }
}

/** Ports of a container on this network are published on 127.0.0.1, not on every address of the machine. */
async function createNetwork(docker: Docker, name: string): Promise<{ remove(): Promise<unknown> }> {
  return await docker.createNetwork({
    Name: name,
    Labels: ownerLabels(),
    Options: { 'com.docker.network.bridge.host_binding_ipv4': '127.0.0.1' },
  })
}

function contents(
  files: Readonly<Record<string, string>>,
): { content: Content; target: string; mode: number }[] {
  return Object.entries(files).map(([target, content]) => ({ content, target, mode: 0o644 }))
}

function containerRuntime(container: Container, removeRest: () => Promise<void>): ServerRuntime {
  let lastLog: string | undefined
  const isRunning = async (): Promise<boolean> => (await container.inspect()).State.Running
  return {
    start: async () => {
      await container.start()
    },
    end: async (signal) => {
      if (!(await isRunning())) return
      await container.kill({ signal })
      await container.wait()
    },
    kill: async (signal) => {
      await container.kill({ signal })
    },
    hasExited: async () => !(await isRunning()),
    logText: async () => lastLog ?? (await readLog(container)),
    remove: async () => {
      if (lastLog !== undefined) return
      lastLog = await readLog(container)
      await container.remove({ force: true, v: true })
      await removeRest()
    },
  }
}

/** The whole log. Docker sends it in frames: 4 bytes of stream type, 4 bytes of length, content. */
async function readLog(container: Container): Promise<string> {
  const frames = await container.logs({ stdout: true, stderr: true, follow: false })
  const parts: Buffer[] = []
  for (let at = 0; at + LOG_HEADER_BYTES <= frames.length;) {
    const end = at + LOG_HEADER_BYTES + frames.readUInt32BE(at + 4)
    parts.push(frames.subarray(at + LOG_HEADER_BYTES, end))
    at = end
  }
  return Buffer.concat(parts).toString('utf8')
}

/** Removes what is left of a failed start, and adds the server's log to the error. */
async function withLog(
  cause: unknown,
  container: Container,
  removeRest: () => Promise<void>,
): Promise<Error> {
  const log = await readLog(container).catch(() => '')
  await container.remove({ force: true, v: true }).catch(() => undefined)
  await removeRest().catch(() => undefined)
  return new Error(`the container did not start; its log ends with:\n${log.slice(-4000)}`, { cause })
}
