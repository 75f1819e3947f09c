import type { TocEntry } from './toc-entry.ts'

/** The value that a sequence is set to. */
export interface SequenceDigest {
  schema: string
  name: string
  /** The arguments of setval: `42,t` is 42 and already used. */
  value: string
}

/** The definition of one schema object: a table, an index, a comment, a grant, … */
export interface SchemaObjectDigest {
  type: string
  schema: string
  name: string
  /** Not part of the digest. */
  owner: string
  /** `sha256:` of the type, the definition and the access method. */
  digest: string
}

/** Entries that stand for data or for planner statistics, not for an object. */
const NO_OBJECTS = new Set(['TABLE DATA', 'BLOBS', 'SEQUENCE SET', 'STATISTICS DATA'])

export function schemaObjects(entries: readonly TocEntry[]): SchemaObjectDigest[] {
  return entries.flatMap(({ type, schema, name, owner, definitionDigest: digest }) =>
    digest === undefined || NO_OBJECTS.has(type) ? [] : [{ type, schema, name, owner, digest }],
  )
}

export function sequences(entries: readonly TocEntry[]): SequenceDigest[] {
  return entries.flatMap(({ schema, name, sequenceValue: value }) =>
    value === undefined ? [] : [{ schema, name, value }],
  )
}

const DATABASE_TYPES = new Set(['DATABASE', 'DATABASE PROPERTIES', 'ENCODING', 'STDSTRINGS', 'SEARCHPATH'])
const ATTACHED_TYPES = new Set(['ACL', 'COMMENT', 'SECURITY LABEL'])

/**
 * Whether an entry belongs to the database as a whole or to the dump session, and not to something in
 * the database: it differs, or is missing, where the same content lies in a database of another name.
 *
 * @example
 * ```ts
 * import { isDatabaseLevel } from '@ops/pg-backup/archive'
 *
 * console.log(isDatabaseLevel({ type: 'TABLE', name: 'orders' })) // false
 * ```
 */
export function isDatabaseLevel(entry: { readonly type: string; readonly name: string }): boolean {
  return (
    DATABASE_TYPES.has(entry.type) || (ATTACHED_TYPES.has(entry.type) && entry.name.startsWith('DATABASE '))
  )
}
