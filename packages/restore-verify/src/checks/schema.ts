import type { Manifest } from '@ops/pg-backup'
import { isDatabaseLevel, type TocEntry } from '@ops/pg-backup/archive'
import type { Difference } from '../report.ts'
import { withElementsCast } from '../elements-cast.ts'
import { withSortedRoles } from '../schema-script.ts'
import { compareByName, grouped, qualified, type Named } from './named.ts'

type Objects = Manifest['schemaObjects']

export interface SchemaOptions {
  readonly compareOwners: boolean
  readonly comparePrivileges: boolean
}

const PRIVILEGE_TYPES = new Set(['ACL', 'DEFAULT ACL'])

/** Is every schema object there, as it was defined and owned, and no other? */
export function compareSchema(expected: Objects, actual: Objects, options: SchemaOptions): Difference[] {
  return compareByName('schema', definitions(expected, options), definitions(actual, options))
}

function definitions(objects: Objects, options: SchemaOptions): Named {
  return objects
    .filter((object) => !isDatabaseLevel(object))
    .filter((object) => options.comparePrivileges || !PRIVILEGE_TYPES.has(object.type))
    .map((object) => [
      nameOf(object),
      options.compareOwners ? `${object.digest}, owner ${object.owner}` : object.digest,
    ])
}

function nameOf(object: { readonly type: string; readonly schema: string; readonly name: string }): string {
  return `${object.type} ${qualified(object)}`
}

/** What the archive and the restored database hold under the names that differences have. */
export interface Wordings {
  readonly archive: (names: ReadonlySet<string>) => Promise<ReadonlyMap<string, string>>
  readonly restored: (names: ReadonlySet<string>) => Promise<ReadonlyMap<string, string>>
  /** Their tables of contents, for what the definitions do not say. */
  readonly archiveEntries: () => Promise<readonly TocEntry[]>
  readonly restoredEntries: readonly TocEntry[]
}

/**
 * Puts the definitions where the digests stand, as the archive and the restored database word them.
 * What differs in its wording alone does not differ: the same object, in the words that PostgreSQL has for it once it
 * has read its own.
 */
export async function withDefinitions(
  differences: readonly Difference[],
  options: SchemaOptions,
  wordings: Wordings,
): Promise<Difference[]> {
  if (differences.length === 0) return []
  const names = new Set(differences.map((difference) => difference.object))
  const [archive, restored] = await Promise.all([wordings.archive(names), wordings.restored(names)])
  const reworded = differences.filter(({ object }) => isReworded(archive.get(object), restored.get(object)))
  const same = new Set(reworded.length === 0 ? [] : await sameOf(reworded, options, wordings))
  return differences
    .filter((difference) => !same.has(difference))
    .map((difference) => {
      const [dumped, back] = [archive.get(difference.object), restored.get(difference.object)]
      if (dumped !== undefined && dumped === back) {
        const problem = `${difference.problem}; the archive and the restored database agree, so it is the manifest that says otherwise`
        return { ...difference, problem, actual: `${difference.actual ?? ''}\n${back}`.trim() }
      }
      return {
        ...difference,
        ...(difference.expected === undefined ? {} : { expected: dumped ?? difference.expected }),
        ...(difference.actual === undefined ? {} : { actual: back ?? difference.actual }),
      }
    })
}

/** Whether two definitions differ only in what PostgreSQL changes when it reads its own words. */
function isReworded(dumped: string | undefined, back: string | undefined): boolean {
  if (dumped === undefined || back === undefined || dumped === back) return false
  return inLastWords(dumped) === inLastWords(back)
}

function inLastWords(definition: string): string {
  return withElementsCast(withSortedRoles(definition))
}

/** Those of which the archive holds what the manifest says, and which differ in nothing beside their definitions. */
async function sameOf(
  reworded: readonly Difference[],
  options: SchemaOptions,
  { archiveEntries, restoredEntries }: Wordings,
): Promise<Difference[]> {
  const entries = await archiveEntries()
  const inArchive = grouped(definitions(objectsOf(entries), options))
  const [dumped, back] = [entries, restoredEntries].map((of) =>
    grouped(of.map((entry) => [nameOf(entry), entry.accessMethod])),
  )
  return reworded.filter(
    ({ object, expected, actual }) =>
      inArchive.get(object) === expected &&
      ownersOf(expected) === ownersOf(actual) &&
      dumped!.get(object) === back!.get(object),
  )
}

function objectsOf(entries: readonly TocEntry[]): Objects {
  return entries.flatMap(({ type, schema, name, owner, definitionDigest: digest }) =>
    digest === undefined ? [] : [{ type, schema, name, owner, digest }],
  )
}

/** Without the digests, of which there may be several under one name. */
function ownersOf(text: string | undefined): string | undefined {
  return text?.replaceAll(/sha256:[0-9a-f]*/g, '')
}
