import type { Manifest } from '@ops/pg-backup'
import type { TocEntry } from '@ops/pg-backup/archive'
import { count, qualified } from './checks/named.ts'

/** A backup without some of its extensions. */
export interface Rest {
  /** For `pg_restore --use-list`: everything but what is left out. */
  readonly list: string
  /** The manifest as it would be if nothing of that had been there. */
  readonly manifest: Manifest
  /** What is left out, in words. */
  readonly leftOut: readonly string[]
}

/** Leaves out extensions, and whatever needs them by the archive's own dependencies. */
export function restWithout(
  extensions: readonly string[],
  entries: readonly TocEntry[],
  manifest: Manifest,
): Rest {
  const out = entriesThatNeed(extensions, entries)
  const gone = entries.filter(({ dumpId }) => out.has(dumpId))
  const keysOf = (type: string): Set<string> =>
    new Set(gone.filter((entry) => entry.type === type).map(qualified))
  const [tables, sequences, goneExtensions] = ['TABLE DATA', 'SEQUENCE SET', 'EXTENSION'].map(keysOf)
  const objects = new Set(gone.map((entry) => objectKey({ ...entry, digest: entry.definitionDigest })))
  const isGone = (table: Manifest['tables'][number]): boolean => tables!.has(qualified(table))
  const [goneTables, goneObjects] = [
    manifest.tables.filter(isGone),
    manifest.schemaObjects.filter((object) => objects.has(objectKey(object))),
  ]
  return {
    list: entries
      .filter(({ dumpId }) => !out.has(dumpId))
      .map(({ dumpId }) => `${dumpId};\n`)
      .join(''),
    manifest: {
      ...manifest,
      tables: manifest.tables.filter((table) => !isGone(table)),
      sequences: manifest.sequences.filter((sequence) => !sequences!.has(qualified(sequence))),
      schemaObjects: manifest.schemaObjects.filter((object) => !objects.has(objectKey(object))),
      extensions: manifest.extensions.filter(({ name }) => !goneExtensions!.has(name)),
    },
    leftOut: inWords(goneExtensions!, goneTables, goneObjects),
  }
}

function entriesThatNeed(extensions: readonly string[], entries: readonly TocEntry[]): Set<number> {
  const out = new Set(
    entries
      .filter(({ type, name }) => type === 'EXTENSION' && extensions.includes(name))
      .map(({ dumpId }) => dumpId),
  )
  const servers = new Map(
    entries.filter(({ type }) => type === 'SERVER').map(({ name, dumpId }) => [name, dumpId]),
  )
  // An entry may stand before one that it needs, so it takes until a round finds nothing more.
  for (let before = -1; before !== out.size;) {
    before = out.size
    for (const entry of entries)
      if (needsOf(entry, servers).some((needed) => out.has(needed))) out.add(entry.dumpId)
  }
  return out
}

/** pg_dump notes no dependency of a user mapping on its server; its name has the server's (`dumpUserMappings`). */
function needsOf(
  { type, name, dependencies }: TocEntry,
  servers: ReadonlyMap<string, number>,
): readonly number[] {
  if (type !== 'USER MAPPING') return dependencies
  const server = servers.get(name.slice(name.lastIndexOf(' SERVER ') + ' SERVER '.length))
  return server === undefined ? dependencies : [...dependencies, server]
}

interface Described {
  readonly type: string
  readonly schema: string
  readonly name: string
  readonly owner: string
  readonly digest?: string
}

function objectKey({ type, schema, name, owner, digest }: Described): string {
  return JSON.stringify([type, schema, name, owner, digest])
}

const MOST_NAMES = 20

function inWords(
  extensions: ReadonlySet<string>,
  tables: Manifest['tables'],
  objects: Manifest['schemaObjects'],
): string[] {
  if (extensions.size === 0) return []
  const others = objects.filter(({ type }) => type !== 'EXTENSION' && type !== 'TABLE')
  const names = others.slice(0, MOST_NAMES).map((object) => `${object.type} ${qualified(object)}`)
  const more = others.length > MOST_NAMES ? `, and ${count(others.length - MOST_NAMES)} more` : ''
  return [
    `left out as asked for: the extension ${[...extensions].join(', ')}, and what needs it`,
    ...tables.map((table) => `left out: the table ${qualified(table)} with its ${count(table.rows)} rows`),
    ...(others.length === 0 ? [] : [`left out: ${names.join(', ')}${more}`]),
  ]
}
