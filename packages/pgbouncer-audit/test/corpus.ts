import { readdirSync, readFileSync } from 'node:fs'

/** A labelled piece of code: what stands on which line. */
export interface Snippet {
  readonly path: string
  readonly source: string
  /** `3 PGB010`: the rule must report line 3. As often as it is listed. */
  readonly expected: readonly string[]
}

const FOLDER = new URL('corpus/', import.meta.url)
const LABEL = /[ \t]*(?:\/\/|--|#)! ((?:PGB\d{3} ?)+)$/

/**
 * Reads the corpus: `=== path` starts a snippet, and `//! PGB010` at the end of a line (`--!` in SQL,
 * `#!` in settings) says what that line is to be reported as. Labels are taken off before the audit.
 */
export function readCorpus(): Snippet[] {
  return readdirSync(FOLDER).flatMap((name) => {
    const text = readFileSync(new URL(name, FOLDER), 'utf8')
    return text
      .split(/^=== /m)
      .slice(1)
      .map((part) => parseSnippet(part, name.replace('.txt', '')))
  })
}

function parseSnippet(part: string, folder: string): Snippet {
  const [path = '', ...lines] = part.split('\n')
  const expected = lines.flatMap((line, index) =>
    (LABEL.exec(line)?.[1] ?? '')
      .split(' ')
      .filter(Boolean)
      .map((rule) => `${index + 1} ${rule}`),
  )
  return {
    path: `${folder}/${path}`,
    source: lines.map((line) => line.replace(LABEL, '')).join('\n'),
    expected,
  }
}
