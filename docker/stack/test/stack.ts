import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Client, type ClientConfig } from 'pg'
import { vi } from 'vitest'

const run = promisify(execFile)
const DOCKER = fileURLToPath(new URL('../..', import.meta.url))
const FILES = ['compose.yaml']
/** What tests need beside the stack itself. */
const TEST_FILES = ['stack/compose.test.yaml']

/** Nothing takes so long; who waits looks four times a second. */
export const WAIT = { timeout: 300_000, interval: 250 }

/** What the tests' stack has other than a user's: its own secrets, free ports, and short times. */
const SETTINGS = {
  ...Object.fromEntries(
    ['POSTGRES', 'PGBOUNCER', 'S3', 'WORKER', 'HTTPS', 'PROMETHEUS', 'ALERTMANAGER', 'GRAFANA'].map(
      (name) => [`OPS_${name}_PORT`, '0'],
    ),
  ),
  OPS_SCRAPE_INTERVAL: '1s',
  OPS_ALERT_TIME_SCALE: '0.005',
  OPS_ALERT_GROUP_WAIT: '1s',
  OPS_ALERT_GROUP_INTERVAL: '1s',
}

export interface Container {
  readonly Config: {
    readonly User: string
    readonly Env: readonly string[]
    readonly Labels: Record<string, string>
  }
  readonly RestartCount: number
  readonly Mounts: readonly { readonly Type: string; readonly Name?: string }[]
  readonly NetworkSettings: { readonly Networks: Record<string, unknown> }
  readonly HostConfig: {
    readonly RestartPolicy: { readonly Name: string }
    readonly LogConfig: { readonly Type: string; readonly Config: Record<string, string> }
    readonly ReadonlyRootfs: boolean
    readonly CapDrop: readonly string[] | null
    readonly CapAdd: readonly string[] | null
    readonly SecurityOpt: readonly string[] | null
    readonly Memory: number
    readonly NanoCpus: number
    readonly PidsLimit: number | null
    readonly Privileged: boolean
    readonly PortBindings: Record<string, readonly { readonly HostIp: string }[]> | null
  }
  readonly State: {
    readonly Status: string
    readonly ExitCode: number
    readonly StartedAt: string
    readonly Health?: { readonly Status: string }
  }
}

/** The stack of this folder's Compose files, as a project of its own beside any other. */
export class Stack {
  /** Of the Compose project, which is the prefix of everything that it makes. */
  readonly name: string
  readonly #secrets: string
  readonly #firstFiles: readonly string[]
  #files: readonly string[]
  readonly #env: Record<string, string>
  /** By service and port inside; whatever starts or ends a container may change them. */
  readonly #ports = new Map<string, Promise<number>>()

  private constructor(secrets: string, files: readonly string[]) {
    this.name = `ops-stack-test-${process.pid}`
    this.#secrets = secrets
    this.#firstFiles = files
    this.#files = files
    this.#env = { ...SETTINGS, COMPOSE_PROJECT_NAME: this.name, OPS_SECRETS: secrets }
  }

  /** Builds what is missing, and resolves when every service of these files is healthy. */
  static async start(files: readonly string[] = FILES): Promise<Stack> {
    const secrets = await mkdtemp(join(tmpdir(), 'ops-stack-'))
    await chmod(secrets, 0o700)
    await writeFile(join(secrets, 'alert_webhook_url'), 'http://webhook:9000/', { mode: 0o600 })
    const stack = new Stack(secrets, files)
    try {
      await stack.compose('build')
      await stack.up()
    } catch (error) {
      process.stderr.write(await stack.compose('logs', '--tail=30').catch(String))
      await stack.stop()
      throw error
    }
    return stack
  }

  async up(env: Record<string, string> = {}, ...options: string[]): Promise<void> {
    Object.assign(this.#env, env)
    await this.compose('up', '--detach', '--wait', '--wait-timeout=480', ...options)
  }

  /** Makes every container anew by these files, with new passwords in place of the ones that are named. */
  async replace(files: readonly string[], env: Record<string, string>, passwords: string[]): Promise<void> {
    this.#files = files
    for (const name of passwords) await rm(join(this.#secrets, name))
    await this.up(env, '--force-recreate', '--remove-orphans', '--timeout=5')
  }

  async stop(): Promise<void> {
    // Later ones may leave services out, whose data Compose then leaves alone.
    this.#files = this.#firstFiles
    await this.compose('down', '--volumes', '--remove-orphans', '--timeout=5')
    await rm(this.#secrets, { recursive: true, force: true })
  }

  async compose(...args: string[]): Promise<string> {
    if (['up', 'start', 'stop', 'kill'].includes(args[0]!)) this.forgetPorts()
    const files = [...this.#files, ...TEST_FILES].flatMap((file) => ['--file', DOCKER + file])
    const { stdout } = await run('docker', ['compose', ...files, ...args], {
      env: { ...process.env, ...this.#env },
      maxBuffer: 64 * 1024 * 1024,
    })
    return stdout
  }

  exec(service: string, ...command: string[]): Promise<string> {
    return this.compose('exec', '-T', service, ...command)
  }

  /** As the superuser, from inside of the container. */
  sql(statement: string, database = 'app'): Promise<string> {
    return this.exec('postgres', 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', database, '-c', statement)
  }

  /** After containers were started anew by somebody else. */
  forgetPorts(): void {
    this.#ports.clear()
  }

  port(service: string, inside: number): Promise<number> {
    const key = `${service}:${inside}`
    const known = this.#ports.get(key) ?? this.#lookUpPort(service, inside)
    this.#ports.set(key, known)
    known.catch(() => this.#ports.delete(key))
    return known
  }

  async #lookUpPort(service: string, inside: number): Promise<number> {
    const address = await this.compose('port', service, String(inside))
    return Number(/:(\d+)\s*$/.exec(address)![1])
  }

  async secret(name: string): Promise<string> {
    return (await readFile(join(this.#secrets, name), 'utf8')).trim()
  }

  async secretMode(name: string): Promise<number> {
    return (await stat(join(this.#secrets, name))).mode & 0o777
  }

  secretNames(): Promise<string[]> {
    return readdir(this.#secrets)
  }

  /** Opens connections as `user`, through PgBouncer or past it, until that one is restarted and its port another. */
  async connector(
    service: 'pgbouncer' | 'postgres',
    user = 'app',
    { tls = true, database = 'app' }: { tls?: boolean; database?: string } = {},
  ): Promise<() => Promise<Client>> {
    const config: ClientConfig = {
      host: '127.0.0.1',
      port: await this.port(service, service === 'postgres' ? 5432 : 6432),
      database,
      user,
      password: await this.secret(user),
      ssl: tls && { ca: await this.secret('ca.crt'), servername: service },
    }
    return async () => {
      const client = new Client(config)
      // Drills end servers under open connections.
      client.on('error', () => {})
      await client.connect()
      return client
    }
  }

  async connect(...to: Parameters<Stack['connector']>): Promise<Client> {
    return (await this.connector(...to))()
  }

  /** Resolves when every service that has a health check passes it. */
  async untilHealthy(): Promise<void> {
    await vi.waitFor(async () => {
      const sick = (await this.inspect()).filter(
        ({ State }) => (State.Health?.Status ?? 'healthy') !== 'healthy',
      )
      const names = sick.map(({ Config }) => Config.Labels['com.docker.compose.service'])
      if (names.length > 0) throw new Error(`not healthy: ${names.join(', ')}`)
    }, WAIT)
  }

  /** What `docker inspect` shows of every container, the one that has ended included. */
  async inspect(): Promise<Container[]> {
    const ids = (await this.compose('ps', '--all', '--quiet')).trim().split('\n')
    const { stdout } = await run('docker', ['inspect', ...ids], { maxBuffer: 16 * 1024 * 1024 })
    return JSON.parse(stdout) as Container[]
  }
}

/** `docker compose config --quiet` of files in docker/; rejects with what Compose says against them. */
export async function checkComposeFiles(
  files: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  await run(
    'docker',
    ['compose', ...files.flatMap((file) => ['--file', DOCKER + file]), 'config', '--quiet'],
    {
      env: { ...process.env, ...env },
    },
  )
}
