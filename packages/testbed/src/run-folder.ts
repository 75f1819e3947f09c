import { chownSync, lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive } from './is-alive.ts'

/** Who runs a server. `undefined` fields: the user who runs this process. */
export interface ServerUser {
  readonly uid?: number
  readonly gid?: number
}

const PREFIX = 'ops-testbed-'
// A unix socket's path has at most 103 characters (sun_path on macOS), and the folder is only its start.
const LONGEST_PARENT = 50

/** The unprivileged user for servers that refuse to run as root; nothing when we are not root. */
export function unprivilegedUser(): ServerUser {
  if (process.getuid?.() !== 0) return {}
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string): number =>
        Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }))
      return { uid: id('-u'), gid: id('-g') }
    } catch {
      // There is no such user: try the next one.
    }
  }
  throw new Error('no user named postgres or nobody: PostgreSQL and PgBouncer refuse to run as root')
}

/**
 * A new folder for one server, owned by `user` and readable by nobody else. Its name carries our
 * process id, so that {@link sweepRunFolders} knows when its owner is gone.
 */
export function createRunFolder(user: ServerUser): string {
  sweepRunFolders()
  const folder = mkdtempSync(join(parentFolder(), `${PREFIX}${process.pid}-`))
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid)
  return folder
}

/** Writes a file that only the server's user may read. */
export function writeOwnedFile(user: ServerUser, path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 })
  if (user.uid !== undefined && user.gid !== undefined) chownSync(path, user.uid, user.gid)
}

/** Removes what runs left behind that were killed together with their guards: servers and folders. */
function sweepRunFolders(): void {
  const parent = parentFolder()
  for (const name of readdirSync(parent)) {
    const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]
    if (owner === undefined || isAlive(Number(owner))) continue
    const folder = join(parent, name)
    if (!isOurs(folder)) continue
    for (const pid of processesNaming(folder)) kill(pid)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

function parentFolder(): string {
  return tmpdir().length > LONGEST_PARENT ? '/tmp' : tmpdir()
}

/** Whether the folder is a real one that this user may take away; the temp folder is open to everybody. */
function isOurs(folder: string): boolean {
  const status = lstatSync(folder, { throwIfNoEntry: false })
  const uid = process.getuid?.()
  return status !== undefined && status.isDirectory() && (uid === 0 || status.uid === uid)
}

/** Processes whose command line names the folder: a guard, or a server that has lost its guard. */
function processesNaming(folder: string): number[] {
  try {
    const lines = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,args='], { encoding: 'utf8' }).split('\n')
    return lines.filter((line) => line.includes(folder)).map((line) => Number.parseInt(line, 10))
  } catch {
    return []
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended in the meantime.
  }
}
