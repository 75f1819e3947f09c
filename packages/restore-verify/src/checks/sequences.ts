import type { Manifest } from '@ops/pg-backup'
import type { Findings } from './check-run.ts'
import { compareByName, qualified, type Named } from './named.ts'

/** Will every sequence go on where it was? */
export function checkSequences(expected: Manifest['sequences'], actual: Manifest['sequences']): Findings {
  return { differences: compareByName('sequences', values(expected), values(actual)) }
}

function values(sequences: Manifest['sequences']): Named {
  return sequences.map((sequence) => [qualified(sequence), sequence.value])
}
