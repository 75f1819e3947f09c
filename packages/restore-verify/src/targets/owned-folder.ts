import { lstat, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { errorMessage } from '@ops/internal-error'
import { RestoreVerifyError } from '../restore-verify-error.ts'

/** Folders with a name like this are ours and nobody else's. */
const PREFIX = 'ops-restore-verify-'
const OWNER_FILE = 'owner.json'

/** A Unix socket's path has at most 103 characters on some systems. */
const LONGEST_PARENT = 50

/** Who made a folder or a container, and when; a process id alone may have been given to another process since. */
export interface Owner {
  readonly host: string
  readonly pid: number
  /** When the process was started, in the system's own words; `null` where it does not say. */
  readonly startedAt: string | null
  /** When the drill was; ISO 8601, UTC. */
  readonly at: string
}

export async function thisOwner(now: Date): Promise<Owner> {
  const { pid } = process
  return { host: hostname(), pid, startedAt: await startOf(pid), at: now.toISOString() }
}

/** Whether the owner is on this machine, and is no more. What is on another machine is not ours to judge. */
export async function isDead({ host, pid, startedAt }: Owner): Promise<boolean> {
  if (host !== hostname() || !Number.isSafeInteger(pid) || pid < 1) return false
  if (!isRunning(pid)) return true
  return startedAt !== null && startedAt !== (await startOf(pid))
}

/** A new folder, marked as ours. Rejects with `VERIFY_TARGET_UNAVAILABLE` where none can be made. */
export async function createOwnedFolder(parent: string = defaultParent(), owner: Owner): Promise<string> {
  const folder = await mkdtemp(join(parent, PREFIX)).catch((cause: unknown) => {
    throw new RestoreVerifyError(
      'VERIFY_TARGET_UNAVAILABLE',
      `no folder can be made in ${parent}: ${errorMessage(cause)}; make it, or name another one`,
      { cause },
    )
  })
  await writeFile(join(folder, OWNER_FILE), JSON.stringify(owner), { mode: 0o600 })
  return folder
}

/** Removes the folders of dead owners, and the processes that still run in them; returns the folders. */
export async function removeDeadFolders(parent: string = defaultParent()): Promise<string[]> {
  const removed: string[] = []
  for (const name of await readdir(parent).catch(() => [])) {
    const folder = join(parent, name)
    if (!name.startsWith(PREFIX) || !(await isOurs(folder))) continue
    const owner = await readOwner(folder)
    if (owner === undefined || !(await isDead(owner))) continue
    for (const pid of await processesIn(folder)) kill(pid)
    await rm(folder, { recursive: true, force: true, maxRetries: 10 })
    removed.push(folder)
  }
  return removed
}

export function parseOwner(json: string): Owner | undefined {
  try {
    const { host, pid, startedAt, at } = JSON.parse(json) as Partial<Owner>
    if (typeof host !== 'string' || typeof pid !== 'number' || typeof at !== 'string') return undefined
    return { host, pid, at, startedAt: typeof startedAt === 'string' ? startedAt : null }
  } catch {
    return undefined
  }
}

function defaultParent(): string {
  return tmpdir().length > LONGEST_PARENT ? '/tmp' : tmpdir()
}

/** The temp folder is open to everybody: only a real folder that this very user made counts. */
async function isOurs(folder: string): Promise<boolean> {
  const status = await lstat(folder).catch(() => undefined)
  return status?.isDirectory() === true && status.uid === process.getuid?.()
}

async function readOwner(folder: string): Promise<Owner | undefined> {
  const json = await readFile(join(folder, OWNER_FILE), 'utf8').catch(() => '')
  return parseOwner(json)
}

/** PostgreSQL's processes work in their data folder, which no other process has a reason to. */
async function processesIn(folder: string): Promise<number[]> {
  const found: number[] = []
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue
    const place = await readlink(`/proc/${name}/cwd`).catch(() => '')
    if (place === folder || place.startsWith(`${folder}/`)) found.push(Number(name))
  }
  return found
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended in the meantime.
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Field 22 of `/proc/<pid>/stat` (proc(5)): clock ticks since the machine was started. */
async function startOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
}
