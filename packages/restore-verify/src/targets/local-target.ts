import { execFile } from 'node:child_process'
import { chmod, chown, mkdir, realpath, rm, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { randomBytes } from 'node:crypto'
import { findPostgresProgram, isBackupError } from '@ops/pg-backup'
import { formatBytes } from '@ops/internal-cli'
import { errorMessage } from '@ops/internal-error'
import { RestoreVerifyError } from '../restore-verify-error.ts'
import { guardArguments, startGuardedServer } from './guarded-server.ts'
import { createOwnedFolder, removeDeadFolders, thisOwner } from './owned-folder.ts'
import { serverSettings, type ServerLimits } from './server-settings.ts'
import type { Target, TargetContext } from './target.ts'

/** An ephemeral PostgreSQL of the backup's own major version, from the programs on this machine. */
export interface LocalTargetOptions extends ServerLimits {
  /** Which of the targets it is. */
  readonly kind: 'local'
  /** Where its folder is made; there must be room for the whole database. @default the system's temp folder */
  readonly folder?: string
  /** The drill is given up when its server takes more than this. @default what is free when it starts, less a tenth */
  readonly maxDiskBytes?: number
}

const DATABASE = 'drill'

/** Starts the server. It listens on a socket in a folder of its own only. Rejects with `VERIFY_TARGET_UNAVAILABLE`. */
export async function openLocalTarget(options: LocalTargetOptions, context: TargetContext): Promise<Target> {
  const { manifest, env, signal, logger } = context
  for (const folder of await removeDeadFolders(options.folder))
    logger?.warn({ folder }, 'removed the ephemeral server of a dead drill')
  const binFolder = await findServer(manifest.server.major, context)
  const folder = await createOwnedFolder(options.folder, await thisOwner(context.now))
  try {
    const maxDiskBytes = await roomFor(manifest.objects, folder, options.maxDiskBytes)
    const user = await unprivilegedUser()
    // The outer folder says whose it is and stays ours; the server's own lies in it.
    const home = join(folder, 'server')
    await mkdir(home, { mode: 0o700 })
    if (user !== undefined) {
      await chmod(folder, 0o711)
      await chown(home, user.uid, user.gid)
    }
    const password = randomBytes(24).toString('base64url')
    const server = await startGuardedServer({
      command: '/bin/sh',
      args: guardArguments(home, serverSettings(home, options, manifest.server.major)),
      password,
      cwd: folder,
      user,
      env: { PATH: `${binFolder}:${env['PATH'] ?? ''}`, LC_ALL: 'C', TZ: 'UTC' },
      signal,
    })
    return {
      kind: 'local',
      connection: { host: home, port: 5432, user: 'postgres', password, database: 'postgres' },
      database: DATABASE,
      isEphemeral: true,
      maxDiskBytes,
      async close() {
        await server.stop()
        await rm(folder, { recursive: true, force: true, maxRetries: 10 })
      },
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true, maxRetries: 10 })
    if (signal?.aborted === true) throw signal.reason
    throw error instanceof RestoreVerifyError
      ? error
      : unavailable(
          `an ephemeral PostgreSQL could not be started in ${folder}: ${errorMessage(error)}` +
            (process.getuid?.() === 0
              ? ' (as root, its server runs as the user postgres or nobody, who must be able to get there)'
              : ''),
          error,
        )
  }
}

async function findServer(major: number, { env, signal }: TargetContext): Promise<string> {
  try {
    for (const name of ['postgres', 'initdb']) {
      const program = await findPostgresProgram(name, { env, signal, serverMajor: major })
      if (program.major !== major) throw needed(major, `there is ${program.version} only`)
      if (name === 'initdb') return dirname(await realpath(program.path))
    }
  } catch (error) {
    if (isBackupError(error)) throw needed(major, 'it was not found', error)
    throw error
  }
  throw needed(major, 'it was not found')
}

function needed(major: number, why: string, cause?: unknown): RestoreVerifyError {
  return unavailable(
    `the drill needs the server programs of PostgreSQL ${major}, the backup's own version, and ${why}: install them ` +
      `(Debian, Ubuntu: postgresql-${major}), set OPS_PG_BIN to their folder, or drill in a container or on a server (--target)`,
    cause,
  )
}

function unavailable(message: string, cause?: unknown): RestoreVerifyError {
  return new RestoreVerifyError('VERIFY_TARGET_UNAVAILABLE', message, { cause })
}

/** The rows alone take about what the archive has; a folder with less room is refused at once. */
async function roomFor(
  objects: TargetContext['manifest']['objects'],
  folder: string,
  limit: number | undefined,
): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const room = Math.min(limit ?? Infinity, Math.floor(free * 0.9))
  const needs = objects.reduce((sum, object) => sum + object.rawBytes, 0)
  if (needs <= room) return room
  throw new RestoreVerifyError(
    'VERIFY_NO_SPACE',
    `the backup has ${formatBytes(needs)} of data, and the drill may take ${formatBytes(room)} in ${dirname(folder)}: ` +
      'give it another folder (--folder) or more room (--max-disk)',
  )
}

/** PostgreSQL refuses to run as root. */
async function unprivilegedUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const id = async (flag: string, name: string): Promise<number> =>
    Number((await promisify(execFile)('id', [flag, name])).stdout)
  for (const name of ['postgres', 'nobody']) {
    try {
      return { uid: await id('-u', name), gid: await id('-g', name) }
    } catch {
      // There is no such user: try the next one.
    }
  }
  throw unavailable('PostgreSQL does not run as root, and there is no user named postgres or nobody')
}
