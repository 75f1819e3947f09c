import { parseBytes, UsageError, type CliContext } from '@ops/internal-cli'
import { openStore, type OpenedStore } from '@ops/object-store'
import { parseConnectionUri } from '@ops/pg-backup'
import { Option, type Command } from 'commander'
import type { TargetOptions } from '../targets/target.ts'

export interface StoreFlags {
  store: string
  cluster: string
  of: string
}

/** Adds `--store`, `--cluster` and `--of`, which every command takes. */
export function withStoreFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--store <url>', 'where backups live: s3://… or file:///…')
        .env('OPS_STORE')
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--cluster <name>', 'the cluster that was backed up').env('OPS_CLUSTER').default('main'),
    )
    .requiredOption('--of <database>', 'the database that was backed up')
}

export function openFlaggedStore(flags: StoreFlags, context: CliContext): Promise<OpenedStore> {
  return openStore(flags.store, { env: context.env })
}

export interface TargetFlags {
  target: 'local' | 'container' | 'server'
  folder?: string
  maxDisk?: number
  memory?: number
  image?: string
  docker?: string
  host?: string
  port?: string
  username?: string
  allowSourceCluster?: boolean
}

/** Adds `--target` and what each kind of target takes. */
export function withTargetFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--target <kind>',
        'restore into an ephemeral server from `local` programs, or in a `container`, or on a `server`',
      )
        .choices(['local', 'container', 'server'])
        .env('OPS_DRILL_TARGET')
        .default('local'),
    )
    .option('--folder <folder>', 'local: where its data lie (default: the temp folder)')
    .option('--max-disk <size>', 'local, container: stop the drill when it takes more', parseBytes)
    .option('--memory <size>', 'local, container: memory of the server (default: 512MiB)', parseBytes)
    .option('--image <image>', "container: with PostgreSQL of the backup's version, such as postgres:17")
    .option('--docker <program>', 'container: the Docker CLI, or what takes its arguments (default: docker)')
    .option('--host <host>', 'server: its host, or its socket folder (default: PGHOST)')
    .option('--port <port>', 'server: its port (default: PGPORT)')
    .option('--username <name>', 'server: role to connect as (default: PGUSER)')
    .option('--allow-source-cluster', 'server: even if it is the one that was backed up')
}

/** Flags that belong to another kind of target are a mistake, not a wish. */
const FLAGS_OF: Record<TargetFlags['target'], readonly (keyof TargetFlags)[]> = {
  local: ['folder', 'maxDisk', 'memory'],
  container: ['image', 'docker', 'maxDisk', 'memory'],
  server: ['host', 'port', 'username', 'allowSourceCluster'],
}

export function targetFromFlags(flags: TargetFlags, context: CliContext): TargetOptions {
  const others = Object.values(FLAGS_OF).flat()
  for (const name of others) {
    if (flags[name] === undefined || FLAGS_OF[flags.target].includes(name)) continue
    const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
    throw new UsageError(`${flag} is not for --target ${flags.target}`)
  }
  const { folder, maxDisk: maxDiskBytes, memory: memoryBytes, image, docker } = flags
  if (flags.target === 'local') return { kind: 'local', folder, maxDiskBytes, memoryBytes }
  if (flags.target === 'server') return serverFromFlags(flags, context)
  if (image === undefined) throw new UsageError('--target container needs an --image, such as postgres:17')
  return { kind: 'container', image, docker, maxDiskBytes, memoryBytes }
}

function serverFromFlags(flags: TargetFlags, { env }: CliContext): TargetOptions {
  const { host, port, username, allowSourceCluster } = flags
  const url = env['DRILL_DATABASE_URL']
  const fromUrl = url === undefined || url === '' ? {} : parseConnectionUri(url)
  const connection = {
    ...fromUrl,
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port: parsePort(port) }),
    ...(username === undefined ? {} : { user: username }),
  }
  return { kind: 'server', connection, allowSourceCluster }
}

function parsePort(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port
  throw new UsageError(`--port is "${text}"; it must be from 1 to 65535`)
}
