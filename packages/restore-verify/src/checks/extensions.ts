import type { Manifest } from '@ops/pg-backup'
import type { Findings } from './check-run.ts'
import { compareByName, type Named } from './named.ts'

type Extensions = Manifest['extensions']

/**
 * Is every extension there, in its schema? Versions are named and fail nothing: a dump has none, so
 * the one that comes back is the target's own, which says nothing about the backup.
 */
export function checkExtensions(expected: Extensions, actual: Extensions): Findings {
  const differences = compareByName('extensions', places(expected), places(actual))
  const found = new Map(actual.map((extension) => [extension.name, extension.version]))
  const others = expected
    .filter(({ name, version }) => found.has(name) && found.get(name) !== version)
    .map(({ name, version }) => `${name} ${found.get(name)} instead of ${version}`)
  return {
    differences,
    ...(others.length === 0 ? {} : { note: `the target has other versions: ${others.join(', ')}` }),
  }
}

function places(extensions: Extensions): Named {
  return extensions.map((extension) => [extension.name, `in schema ${extension.schema}`])
}
