import type { CheckName, Difference } from '../report.ts'

/** Named things with a comparable text; several may share a name (overloads that differ in nothing but a comment, say). */
export type Named = readonly (readonly [name: string, text: string])[]

/** One difference for each name that is missing, extra, or has another text; the order does not matter. */
export function compareByName(check: CheckName, expected: Named, actual: Named): Difference[] {
  const wanted = grouped(expected)
  const found = grouped(actual)
  return [...new Set([...wanted.keys(), ...found.keys()])].flatMap((object): Difference[] => {
    const [want, have] = [wanted.get(object), found.get(object)]
    if (want === have) return []
    if (have === undefined) return [{ check, object, problem: 'it did not come back', expected: want! }]
    if (want === undefined)
      return [
        { check, object, problem: 'it is in the restored database and not in the manifest', actual: have },
      ]
    return [{ check, object, problem: 'it differs', expected: want, actual: have }]
  })
}

/** All texts of a name as one, in whatever order they come. */
export function grouped(named: Named): Map<string, string> {
  const groups = Map.groupBy(named, ([name]) => name)
  return new Map(
    [...groups].map(([name, members]) => [
      name,
      members
        .map(([, text]) => text)
        .toSorted()
        .join('; '),
    ]),
  )
}

export function qualified({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return schema === '' ? name : `${schema}.${name}`
}

export function count(value: number): string {
  return value.toLocaleString('en-US')
}
