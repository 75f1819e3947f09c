import type { RetentionPlan } from './plan.ts'
import { objectsOf, type RetentionItem, type StoredObject } from './retention-item.ts'

/**
 * What is left of a set whose deletion was cut short has no manifest, and looks just like a backup that
 * is being uploaded. So where a later run could not tell them apart at once, a note is stored in the
 * set's folder before its manifest goes, and removed when all the rest is gone. It names every object
 * with its size and time: what is not named there, or not as it was, has come since.
 */
export const NOTE_NAME = 'retention-deleting.json'

const FORMAT = 'ops.retention-deletion/1'
const HOUR_MS = 3_600_000

/** The keys of an item's objects in the order of deletion, without its note. */
export function keysOf(item: RetentionItem): string[] {
  return objectsOf(item)
    .map(({ key }) => key)
    .filter((key) => key !== item.noteKey)
}

export function hasNote(item: RetentionItem): boolean {
  return objectsOf(item).some(({ key }) => key === item.noteKey)
}

/**
 * Whether a deletion that stops half way would leave what the next run has to take for a backup under
 * way. A set that is named by a backup id and older than the grace period does not: no backup comes
 * back to an id, so the next run removes what is left of it as an orphan.
 */
export function needsNote(item: RetentionItem, { now, graceHours }: RetentionPlan): boolean {
  if (item.noteKey === undefined || item.isHalfDeleted === true || keysOf(item).length < 2) return false
  const isOld = Date.parse(item.lastModified ?? item.time) < Date.parse(now) - graceHours * HOUR_MS
  return item.timeSource !== 'id' || !isOld
}

export function writeNote(item: RetentionItem): Uint8Array {
  const objects = objectsOf(item).filter(({ key }) => key !== item.noteKey)
  return Buffer.from(JSON.stringify({ format: FORMAT, set: item.id, objects }))
}

/**
 * Whether a set's note names each of these objects just as it is listed now. Notes may come from
 * anyone: all they can do is to say of the objects in their own folder that they are to go.
 */
export function isNoteOf(text: string, folder: string, objects: readonly StoredObject[]): boolean {
  const named = namesIn(text, folder)
  return named !== undefined && objects.every((object) => named.has(nameOf(object)))
}

function namesIn(text: string, folder: string): Set<string> | undefined {
  try {
    const note = JSON.parse(text)
    if (note?.format !== FORMAT || note.set !== folder || !Array.isArray(note.objects)) return undefined
    return new Set(note.objects.map(nameOf))
  } catch {
    return undefined
  }
}

function nameOf(object: Partial<StoredObject> | null): string {
  return JSON.stringify([object?.key, object?.size, object?.lastModified])
}
