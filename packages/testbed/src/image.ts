import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { getContainerRuntimeClient, ImageName } from 'testcontainers'
import { errorCode } from './error-code.ts'
import { isAlive } from './is-alive.ts'

const run = promisify(execFile)
const DOCKER_FOLDER = fileURLToPath(new URL('../../../docker/', import.meta.url))
const LOCK_POLL_MS = 250
const LOG_TAIL_CHARACTERS = 4000

/** A folder under `docker/`. */
export type ImageKind = 'postgres' | 'pgbouncer' | 's3'
/** A Debian release. */
export type Suite = 'bookworm' | 'trixie' | 'sid'

/**
 * The name of the image for this server and Debian release; builds it when there is none for the
 * present content of its folder. Of several processes that want it at once, one builds.
 */
export async function ensureImage(kind: ImageKind, suite: Suite): Promise<string> {
  const folder = join(DOCKER_FOLDER, kind)
  const tag = `ops-testbed-${kind}:${suite}-${contentHash(folder)}`
  if (await exists(tag)) return tag
  const unlock = await lock(join(tmpdir(), `${tag.replace(':', '-')}.lock`))
  try {
    if (!(await exists(tag))) await build(folder, suite, tag)
    return tag
  } finally {
    unlock()
  }
}

async function exists(tag: string): Promise<boolean> {
  return await (await getContainerRuntimeClient()).image.exists(ImageName.fromString(tag))
}

// By the docker program: unlike testcontainers' builder it says why a build failed.
async function build(folder: string, suite: Suite, tag: string): Promise<void> {
  const args = [
    'build',
    '--build-arg',
    `SUITE=${suite}`,
    '--label',
    'ops.testbed=image',
    '--tag',
    tag,
    folder,
  ]
  try {
    await run('docker', args, { maxBuffer: 64 * 1024 * 1024, env: { ...process.env, DOCKER_BUILDKIT: '1' } })
  } catch (error) {
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : ''
    throw new Error(`building ${tag} failed: ${output.slice(-LOG_TAIL_CHARACTERS)}`, { cause: error })
  }
}

function contentHash(folder: string): string {
  const hash = createHash('sha256')
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile())
  for (const path of files.map(({ parentPath, name }) => join(parentPath, name)).toSorted())
    hash.update(`${relative(folder, path)}\0`).update(readFileSync(path))
  return hash.digest('hex').slice(0, 12)
}

/** Waits for the lock file, whose content is the id of the process that holds it. */
async function lock(path: string): Promise<() => void> {
  for (;;) {
    try {
      const file = openSync(path, 'wx')
      writeSync(file, String(process.pid))
      closeSync(file)
      return () => rmSync(path, { force: true })
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
      if (isAbandoned(path)) rmSync(path, { force: true })
      else await sleep(LOCK_POLL_MS)
    }
  }
}

function isAbandoned(path: string): boolean {
  try {
    const pid = Number(readFileSync(path, 'utf8'))
    return pid > 0 && !isAlive(pid)
  } catch {
    return false
  }
}
