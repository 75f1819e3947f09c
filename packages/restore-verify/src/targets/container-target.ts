import { randomBytes } from 'node:crypto'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isProgramError, runProgram } from '@ops/internal-subprocess'
import { errorMessage } from '@ops/internal-error'
import { RestoreVerifyError } from '../restore-verify-error.ts'
import { guardArguments, startGuardedServer } from './guarded-server.ts'
import {
  createOwnedFolder,
  isDead,
  parseOwner,
  removeDeadFolders,
  thisOwner,
  type Owner,
} from './owned-folder.ts'
import { DEFAULT_MEMORY_BYTES, serverSettings, type ServerLimits } from './server-settings.ts'
import type { Target, TargetContext } from './target.ts'

/** An ephemeral PostgreSQL in a container without any network; only a socket leads into it. */
export interface ContainerTargetOptions extends ServerLimits {
  /** Which of the targets it is. */
  readonly kind: 'container'
  /** An image with `initdb` and `postgres` of the backup's major version on its PATH, such as `postgres:17`. */
  readonly image: string
  /** The user in the image that the server runs as. @default 'postgres' */
  readonly containerUser?: string
  /** The Docker CLI, or what takes its arguments. @default 'docker' */
  readonly docker?: string
  /** The drill is given up when its server takes more than this. @default no limit but the engine's own */
  readonly maxDiskBytes?: number
}

const DATABASE = 'drill'
const LABEL = 'ops.restore-verify.owner'
const SOCKET_FOLDER = '/ops-drill'
const SERVER_FOLDER = '/tmp/ops-drill-server'
/** What the server needs beside its shared buffers and index builds: its processes, and the page cache that counts as theirs. */
const OTHER_MEMORY_FACTOR = 2

/** Starts the container. Rejects with `VERIFY_TARGET_UNAVAILABLE`. */
export async function openContainerTarget(
  options: ContainerTargetOptions,
  context: TargetContext,
): Promise<Target> {
  const { docker = 'docker', image } = options
  const { manifest, env, signal, logger } = context
  for (const id of await removeDeadContainers(docker, context))
    logger?.warn({ container: id }, 'removed the container of a dead drill')
  for (const each of await removeDeadFolders())
    logger?.warn({ folder: each }, 'removed the folder of a dead drill')
  const owner = await thisOwner(context.now)
  const folder = await createOwnedFolder(undefined, owner)
  try {
    // Only this user comes through the outer folder; the server, whatever its number is, writes into the inner one.
    const socketFolder = join(folder, 'socket')
    await mkdir(socketFolder)
    await chmod(socketFolder, 0o777)
    const password = randomBytes(24).toString('base64url')
    const server = await startGuardedServer({
      command: docker,
      args: [
        ...runArguments(options, owner, socketFolder),
        image,
        ...guardArguments(SERVER_FOLDER, serverSettings(SOCKET_FOLDER, options, manifest.server.major)),
      ],
      password,
      env,
      signal,
    })
    return {
      kind: 'container',
      connection: { host: socketFolder, port: 5432, user: 'postgres', password, database: 'postgres' },
      database: DATABASE,
      isEphemeral: true,
      maxDiskBytes: options.maxDiskBytes,
      async close() {
        await server.stop()
        await rm(folder, { recursive: true, force: true, maxRetries: 10 })
      },
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true, maxRetries: 10 })
    if (signal?.aborted === true) throw signal.reason
    throw new RestoreVerifyError(
      'VERIFY_TARGET_UNAVAILABLE',
      `a container of ${image} could not be started: ${errorMessage(error)}`,
      { cause: error },
    )
  }
}

function runArguments(options: ContainerTargetOptions, owner: Owner, socketFolder: string): string[] {
  const memory = (options.memoryBytes ?? DEFAULT_MEMORY_BYTES) * OTHER_MEMORY_FACTOR
  return [
    'run',
    '--rm',
    '--interactive',
    '--pull=missing',
    '--network=none',
    `--label=${LABEL}=${JSON.stringify(owner)}`,
    `--memory=${memory}`,
    '--pids-limit=200',
    '--cap-drop=ALL',
    '--security-opt=no-new-privileges',
    `--user=${options.containerUser ?? 'postgres'}`,
    `--volume=${socketFolder}:${SOCKET_FOLDER}`,
    '--env=LC_ALL=C',
    '--env=TZ=UTC',
    '--entrypoint=/bin/sh',
  ]
}

async function removeDeadContainers(docker: string, { env, signal }: TargetContext): Promise<string[]> {
  const run = (args: string[]): Promise<string> => runProgram(docker, { args, env, signal })
  try {
    const format = `{{.ID}} {{.Label "${LABEL}"}}`
    const listed = await run(['ps', '--all', `--filter=label=${LABEL}`, `--format=${format}`])
    const removed: string[] = []
    for (const line of listed.split('\n')) {
      const [, id, label] = /^([0-9a-f]+) (.*)$/.exec(line) ?? []
      const owner = parseOwner(label ?? '')
      if (id === undefined || owner === undefined || !(await isDead(owner))) continue
      await run(['rm', '--force', '--volumes', id])
      removed.push(id)
    }
    return removed
  } catch (error) {
    if (!isProgramError(error)) throw error
    throw new RestoreVerifyError(
      'VERIFY_TARGET_UNAVAILABLE',
      `the container engine does not answer: ${error.message}; start it, or drill from local programs or on a server (--target)`,
      { cause: error },
    )
  }
}
