import { randomInt } from 'node:crypto'
import { BackupError } from './backup-error.ts'

/** Names one backup; together with the store this is all that is needed to find it. */
export interface BackupRef {
  readonly cluster: string
  readonly database: string
  readonly id: string
}

export const MANIFEST_NAME = 'manifest.json'

const ID = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z-[0-9a-z]{6}$/
const RANDOM_VALUES = 36 ** 4

/**
 * A new id: `20261121T020000Z-4fk2q9`, the milliseconds in the first two characters of the suffix, so
 * that ids sort by time within a second too; the other four are random, so that two do not collide.
 */
export function newBackupId(at: Date): string {
  const time = at
    .toISOString()
    .replaceAll(/[-:]/g, '')
    .replace(/\.\d+Z$/, 'Z')
  const base36 = (value: number, digits: number): string => value.toString(36).padStart(digits, '0')
  return `${time}-${base36(at.getUTCMilliseconds(), 2)}${base36(randomInt(RANDOM_VALUES), 4)}`
}

/**
 * The time in an id, or `undefined` when it is not an id.
 *
 * @example
 * ```ts
 * import { backupIdTime } from '@ops/pg-backup'
 *
 * console.log(backupIdTime('20260131T020000Z-a1b2c3')?.toISOString()) // 2026-01-31T02:00:00.000Z
 * ```
 */
export function backupIdTime(id: string): Date | undefined {
  const match = ID.exec(id)
  if (match === null) return undefined
  const [, year, month, day, hour, minute, second] = match
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return Number.isNaN(time.getTime()) ? undefined : time
}

/**
 * The folder of a backup in the store: `<cluster>/logical/<database>/<id>/`.
 *
 * @example
 * ```ts
 * import { backupFolder } from '@ops/pg-backup'
 *
 * const backup = { cluster: 'main', database: 'app', id: '20260131T020000Z-a1b2c3' }
 * console.log(backupFolder(backup)) // main/logical/app/20260131T020000Z-a1b2c3/
 * ```
 */
export function backupFolder(backup: BackupRef): string {
  if (backupIdTime(backup.id) === undefined) {
    throw new BackupError(
      'BACKUP_BAD_OPTIONS',
      `"${backup.id}" is not a backup id; ids look like 20261121T020000Z-4fk2q9`,
    )
  }
  return `${databaseFolder(backup.cluster, backup.database)}${backup.id}/`
}

/** The folder of all logical backups of one database. */
export function databaseFolder(cluster: string, database: string): string {
  return `${encodeSegment(cluster)}/logical/${encodeSegment(database)}/`
}

/** The folder of the objects by which the runs for one database take turns. */
export function leaseFolder(cluster: string, database: string): string {
  return `${encodeSegment(cluster)}/lease/${encodeSegment(database)}/`
}

/** The database whose lease has an object of this key, or `undefined` when the key is of something else. */
export function databaseOfLeaseKey(key: string): Omit<BackupRef, 'id'> | undefined {
  const [cluster, kind, database, name, ...more] = key.split('/')
  if (kind !== 'lease' || name === undefined || more.length > 0) return undefined
  return decodeNames(cluster!, database!)
}

/** The backup whose manifest has this key, or `undefined` when the key is of something else. */
export function backupOfManifestKey(key: string): BackupRef | undefined {
  const [cluster, kind, database, id, name, ...more] = key.split('/')
  if (kind !== 'logical' || name !== MANIFEST_NAME || more.length > 0) return undefined
  if (id === undefined || backupIdTime(id) === undefined) return undefined
  const names = decodeNames(cluster!, database!)
  return names && { ...names, id }
}

function decodeNames(cluster: string, database: string): Omit<BackupRef, 'id'> | undefined {
  try {
    return { cluster: decodeURIComponent(cluster), database: decodeURIComponent(database) }
  } catch {
    return undefined
  }
}

/**
 * A name as one segment of a key: database names may hold slashes, spaces and anything else, so
 * every byte outside `A-Z a-z 0-9 _ . -` is written as `%XX`, and so are names made of dots alone.
 */
function encodeSegment(name: string): string {
  if (name === '') throw new BackupError('BACKUP_BAD_OPTIONS', 'the name of the cluster or database is empty')
  const encoded = encodeURIComponent(name.toWellFormed()).replaceAll(
    /[!~*'()]/g,
    (character) => `%${character.codePointAt(0)!.toString(16).toUpperCase()}`,
  )
  return /^\.+$/.test(encoded) ? encoded.replaceAll('.', '%2E') : encoded
}
