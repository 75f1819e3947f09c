import { NOTE_NAME } from './deletion-note.ts'
import type { StoredObject } from './retention-item.ts'
import { timeOfBackupId } from './time-in-name.ts'

export const MANIFEST_NAME = 'manifest.json'
export const VERIFICATION_NAME = 'verification.json'
/** An object of this name in a set's folder, whatever is in it, keeps the set. */
export const PIN_NAME = 'pinned'

/** The objects of one set. */
export interface SetFolder {
  /** Without a slash at its end. */
  readonly folder: string
  /** The folder above: sets of one kind and database. */
  readonly group: string
  /** From the name of the folder, if that is a backup id. */
  readonly idTimeMs?: number
  readonly objects: StoredObject[]
}

/** Sorts listed objects into sets: folders whose name is a backup id, and folders that hold a manifest, or the note of its deletion. */
export function sortIntoSets(objects: Iterable<StoredObject>): { sets: SetFolder[]; strays: StoredObject[] } {
  const sets = new Map<string, SetFolder>()
  const undated: StoredObject[] = []
  const addTo = (folder: string, object: StoredObject): void => {
    const set = sets.get(folder) ?? newSet(folder)
    sets.set(folder, set)
    set.objects.push(object)
  }
  for (const object of objects) {
    const marksSet = nameOf(object.key) === MANIFEST_NAME || nameOf(object.key) === NOTE_NAME
    const folder = datedFolderOf(object.key) ?? (marksSet ? parentOf(object.key) : undefined)
    if (folder === undefined || folder === '') undated.push(object)
    else addTo(folder, object)
  }
  const strays: StoredObject[] = []
  for (const object of undated) {
    let folder = parentOf(object.key)
    while (folder !== '' && !sets.has(folder)) folder = parentOf(folder)
    if (folder === '') strays.push(object)
    else addTo(folder, object)
  }
  return { sets: [...sets.values()], strays }
}

/** The first folder in a key whose name is a backup id. */
function datedFolderOf(key: string): string | undefined {
  const segments = key.split('/')
  const index = segments.findIndex((segment) => timeOfBackupId(segment) !== undefined)
  return index === -1 || index === segments.length - 1 ? undefined : segments.slice(0, index + 1).join('/')
}

function newSet(folder: string): SetFolder {
  const idTimeMs = timeOfBackupId(nameOf(folder))
  return {
    folder,
    group: parentOf(folder) || '.',
    objects: [],
    ...(idTimeMs === undefined ? {} : { idTimeMs }),
  }
}

function parentOf(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf('/')))
}

function nameOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1)
}
