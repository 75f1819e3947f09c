import type { Manifest } from '@ops/pg-backup'
import { isDatabaseLevel } from '@ops/pg-backup/archive'
import type { Difference } from '../report.ts'
import { withSortedRoles } from '../schema-script.ts'
import { compareByName, qualified, type Named } from './named.ts'

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
      `${object.type} ${qualified(object)}`,
      options.compareOwners ? `${object.digest}, owner ${object.owner}` : object.digest,
    ])
}

/** Whether two policies have the same roles in another order, and nothing else is different. */
function isOtherOrder(
  { expected, actual }: Difference,
  dumped: string | undefined,
  back: string | undefined,
): boolean {
  if (dumped === undefined || back === undefined || dumped === back) return false
  return ownerOf(expected) === ownerOf(actual) && withSortedRoles(dumped) === withSortedRoles(back)
}

function ownerOf(definition: string | undefined): string | undefined {
  return definition?.split(', owner ')[1]
}

/**
 * Puts the definitions where the digests stand, as the archive and the restored database word them.
 * `definitions` gives them by the name that a difference has. Policies that name the same roles in
 * another order do not differ.
 */
export async function withDefinitions(
  differences: readonly Difference[],
  definitionsOf: {
    readonly archive: (names: ReadonlySet<string>) => Promise<ReadonlyMap<string, string>>
    readonly restored: (names: ReadonlySet<string>) => Promise<ReadonlyMap<string, string>>
  },
): Promise<Difference[]> {
  if (differences.length === 0) return []
  const names = new Set(differences.map((difference) => difference.object))
  const [archive, restored] = await Promise.all([definitionsOf.archive(names), definitionsOf.restored(names)])
  return differences.flatMap((difference) => {
    const [dumped, back] = [archive.get(difference.object), restored.get(difference.object)]
    if (isOtherOrder(difference, dumped, back)) return []
    if (dumped !== undefined && dumped === back) {
      const problem = `${difference.problem}; the archive and the restored database agree, so it is the manifest that says otherwise`
      return [{ ...difference, problem, actual: `${difference.actual ?? ''}\n${back}`.trim() }]
    }
    return [
      {
        ...difference,
        ...(difference.expected === undefined ? {} : { expected: dumped ?? difference.expected }),
        ...(difference.actual === undefined ? {} : { actual: back ?? difference.actual }),
      },
    ]
  })
}
