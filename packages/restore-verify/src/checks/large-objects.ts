import type { Manifest } from '@ops/pg-backup'
import type { Findings } from './check-run.ts'
import { count } from './named.ts'

type LargeObjects = Manifest['largeObjects']

/** Are the large objects there, with their content? */
export function checkLargeObjects(expected: LargeObjects, actual: LargeObjects): Findings {
  if (expected.count === actual.count && expected.bytes === actual.bytes && expected.digest === actual.digest)
    return {}
  const text = (each: LargeObjects): string => `${each.count} objects, ${each.bytes} bytes, ${each.digest}`
  return {
    differences: [
      {
        check: 'large-objects',
        object: 'large objects',
        problem:
          expected.count === actual.count
            ? 'their content differs'
            : `there are ${count(actual.count)} instead of ${count(expected.count)}`,
        expected: text(expected),
        actual: text(actual),
      },
    ],
  }
}
