import { RetentionError } from './retention-error.ts'

/** One stored object, as it was listed. */
export interface StoredObject {
  readonly key: string
  /** Stored bytes. */
  readonly size: number
  /** ISO 8601, UTC. */
  readonly lastModified: string
}

/** Where an item's time was found. */
export type TimeSource = 'id' | 'manifest' | 'key' | 'lastModified'

/** What policies decide on: one object, or a set of objects that lives and dies as a whole. */
export interface RetentionItem {
  /** Unique. A plain object's key; a backup set's folder, without the slash at its end. */
  readonly id: string
  /** Items of different groups never compete. */
  readonly group: string
  /** When what it holds was taken; ISO 8601. */
  readonly time: string
  readonly timeSource?: TimeSource
  /** Stored bytes of all its objects. */
  readonly bytes: number
  readonly tags?: readonly string[]
  /** Kept whatever the policy says. */
  readonly pinned?: boolean
  /** Ids of the items without which this one is worth nothing. */
  readonly requires?: readonly string[]
  /** Why it does not count as good, for people. Absent for a good item. */
  readonly problem?: string
  /** A set without its manifest: a backup that still runs, one that failed, or one whose deletion was cut short. */
  readonly isUnpublished?: boolean
  /** What is left of a set whose deletion was begun and cut short; removed without waiting. */
  readonly isHalfDeleted?: boolean
  /** Where it is noted that its deletion was begun, for what is not deleted in one request. */
  readonly noteKey?: string
  /** ISO 8601: until then Object Lock forbids to delete it. */
  readonly lockedUntil?: string
  /** Whether a legal hold forbids to delete it. */
  readonly legalHold?: boolean
  /** When the newest of its objects was stored; ISO 8601. */
  readonly lastModified?: string
  /** What is deleted with it, in that order. @default the object whose key is `id` */
  readonly objects?: readonly StoredObject[]
}

/** The objects that are deleted with an item, in that order. */
export function objectsOf(item: RetentionItem): readonly StoredObject[] {
  return item.objects ?? [{ key: item.id, size: item.bytes, lastModified: item.lastModified ?? item.time }]
}

/** An item's time in milliseconds; throws `RETENTION_ITEM_INVALID` when it has none. */
export function timeOf(item: RetentionItem): number {
  const timeMs = Date.parse(item.time)
  if (Number.isNaN(timeMs)) {
    throw new RetentionError(
      'RETENTION_ITEM_INVALID',
      `the item "${item.id}" has the time "${item.time}", which is not ISO 8601`,
      {
        details: { key: item.id },
      },
    )
  }
  return timeMs
}

/** Two items with one id: a store whose paging repeats keys, or a list that was put together twice. */
export function duplicateId(id: string): RetentionError {
  return new RetentionError('RETENTION_ITEM_INVALID', `the item "${id}" is there twice; ids must be unique`, {
    details: { key: id },
  })
}
