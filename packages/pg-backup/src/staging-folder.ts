import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { backupIdTime, databaseFolder, type BackupRef } from './backup-set.ts'

/** `ops-staging~<cluster>~<database>~<backup id>~<host>~<process id>~<random>`, names as in keys. */
const PREFIX = 'ops-staging'

/** Makes a folder for the files of one backup on their way to the store; only its owner may read it. */
export async function makeStagingFolder(root: string, backup: BackupRef): Promise<string> {
  const name = [
    ownPrefix(backup) + backup.id,
    encodeHost(),
    process.pid,
    randomBytes(4).toString('hex'),
  ].join('~')
  const folder = join(root, name)
  await mkdir(folder, { mode: 0o700 })
  return folder
}

/**
 * Removes the staging folders of dead runs of this backup's database: those of processes of this
 * machine that are gone, and those in which nothing has happened for the grace period. Only for a
 * holder of the database's lease. Returns the removed paths.
 */
export async function removeDeadStagingFolders(
  root: string,
  backup: BackupRef,
  { graceMs, now }: { readonly graceMs: number; readonly now: Date },
): Promise<string[]> {
  const removed: string[] = []
  for (const name of await readdir(root).catch(noFolder)) {
    const owner = parseName(name, backup)
    if (owner === undefined || owner.id === backup.id) continue
    const folder = join(root, name)
    const touched = await stat(folder).catch(() => undefined)
    if (touched?.isDirectory() !== true) continue
    const isOld = now.getTime() - touched.mtimeMs > graceMs
    if (!isOld && !(owner.host === encodeHost() && isGone(owner.pid))) continue
    await rm(folder, { recursive: true, force: true })
    removed.push(folder)
  }
  return removed
}

function ownPrefix({ cluster, database }: BackupRef): string {
  const [clusterSegment, , databaseSegment] = databaseFolder(cluster, database).split('/')
  return `${PREFIX}~${clusterSegment}~${databaseSegment}~`
}

function parseName(name: string, backup: BackupRef): { id: string; host: string; pid: number } | undefined {
  const prefix = ownPrefix(backup)
  if (!name.startsWith(prefix)) return undefined
  const [id = '', host = '', pid = '', random, ...more] = name.slice(prefix.length).split('~')
  if (backupIdTime(id) === undefined || !/^\d+$/.test(pid) || random === undefined || more.length > 0)
    return undefined
  return { id, host, pid: Number(pid) }
}

function encodeHost(): string {
  return encodeURIComponent(hostname()).replaceAll('~', '-')
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    // EPERM: it is there, and another user's.
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

function noFolder(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return []
  throw error
}
