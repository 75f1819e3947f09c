import { duplicateId, type RetentionItem } from './retention-item.ts'

/** How items rest on each other; positions are those in the list of items. */
export interface Dependencies {
  /** Why an item is worth nothing: its own problem, or that of something it needs. */
  readonly problems: ReadonlyMap<number, string>
  /** The positions of what an item needs directly, as far as it exists. */
  needs(position: number): readonly number[]
}

const NONE: readonly number[] = []

/** Follows `requires` through all items, also in circles. */
export function findDependencies(items: readonly RetentionItem[]): Dependencies {
  const positions = indexById(items)
  const needs = new Map<number, number[]>()
  const neededBy = new Map<number, number[]>()
  const problems = new Map<number, string>()
  for (const [position, item] of items.entries()) {
    if (item.isUnpublished === true) problems.set(position, item.problem ?? 'it has no manifest')
    else if (item.problem !== undefined) problems.set(position, item.problem)
    for (const id of item.requires ?? []) {
      const needed = positions.get(id)
      if (needed === undefined) {
        if (!problems.has(position)) problems.set(position, `it requires ${id}, which is gone`)
        continue
      }
      addTo(needs, position, needed)
      addTo(neededBy, needed, position)
    }
  }
  // A problem spreads to everything that needs the item, directly or through others.
  const queue = [...problems.keys()]
  for (const broken of queue) {
    for (const position of neededBy.get(broken) ?? NONE) {
      if (problems.has(position)) continue
      problems.set(position, `it requires ${items[broken]!.id}, which is not good`)
      queue.push(position)
    }
  }
  return { problems, needs: (position) => needs.get(position) ?? NONE }
}

/** The positions of all ids; of none where nothing requires anything, which saves time and memory by the million. */
function indexById(items: readonly RetentionItem[]): ReadonlyMap<string, number> {
  const positions = new Map<string, number>()
  if (items.every((item) => item.requires === undefined)) return positions
  for (const [position, item] of items.entries()) {
    if (positions.has(item.id)) throw duplicateId(item.id)
    positions.set(item.id, position)
  }
  return positions
}

function addTo(map: Map<number, number[]>, key: number, value: number): void {
  const values = map.get(key)
  if (values === undefined) map.set(key, [value])
  else values.push(value)
}
