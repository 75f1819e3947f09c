/**
 * pgbouncer.ini as PgBouncer reads it (libusual's cfparser, and loader.c for connection strings).
 * Nothing here throws on what a file contains: what PgBouncer would refuse becomes a problem.
 */

export interface ConfigEntry {
  readonly section: string
  readonly key: string
  readonly value: string
  readonly file: string
  readonly line: number
}

export interface ConfigProblem {
  readonly message: string
  readonly file: string
  readonly line: number
}

/** What stands in a configuration file and in what it includes. */
export interface ParsedConfig {
  /** In the order of the files; a later entry wins over an earlier one. */
  readonly entries: readonly ConfigEntry[]
  readonly sections: readonly { readonly name: string; readonly file: string; readonly line: number }[]
  readonly problems: readonly ConfigProblem[]
}

/** PgBouncer stops at as many nested files. */
const MAX_INCLUDE_DEPTH = 10
/** Files that include each other several times would otherwise be read 10^10 times. */
const MAX_INCLUDES = 100

/** Options of {@link parseConfig}. */
export interface ParseConfigOptions {
  /** The content of `pgbouncer.ini`. */
  readonly text: string
  /** For messages. @default 'pgbouncer.ini' */
  readonly file?: string
  /** Gives an included file, or `undefined` where there is none. Without it, includes are problems. */
  readonly readInclude?: (file: string) => string | undefined
}

/**
 * Parses a configuration file and what it includes.
 *
 * @example
 * ```ts
 * import { parseConfig } from '@ops/pgbouncer-stats'
 *
 * const { entries, problems } = parseConfig({ text: '[pgbouncer]\npool_mode = transaction\n' })
 * console.log(entries, problems)
 * ```
 */
export function parseConfig({
  text,
  file = 'pgbouncer.ini',
  readInclude = () => undefined,
}: ParseConfigOptions): ParsedConfig {
  const entries: ConfigEntry[] = []
  const sections: { name: string; file: string; line: number }[] = []
  const problems: ConfigProblem[] = []

  const parseFile = (content: string, name: string, depth: number): void => {
    for (const [index, raw] of content.split('\n').entries()) {
      const line = index + 1
      const problem = (message: string): void => void problems.push({ message, file: name, line })
      const statement = raw.trim()
      if (statement === '' || statement.startsWith(';') || statement.startsWith('#')) continue
      if (statement.startsWith('[')) {
        const end = statement.indexOf(']')
        if (end === -1) problem('a section begins with "[" and does not end with "]"')
        else sections.push({ name: statement.slice(1, end), file: name, line })
      } else if (statement.startsWith('%include')) {
        include(statement.slice('%include'.length).trim(), depth, problem)
      } else {
        const pair = splitPair(statement)
        const section = sections.at(-1)?.name
        if (pair === undefined) problem('this line is neither a section, nor "key = value", nor a comment')
        else if (section === undefined) problem(`"${pair.key}" stands before any section`)
        else entries.push({ section, ...pair, file: name, line })
      }
    }
  }

  let included = 0
  const include = (target: string, depth: number, problem: (message: string) => void): void => {
    if (target === '') return problem('%include names no file')
    if (depth >= MAX_INCLUDE_DEPTH)
      return problem(`files include each other more than ${MAX_INCLUDE_DEPTH} deep`)
    included += 1
    if (included > MAX_INCLUDES)
      return problem(`more than ${MAX_INCLUDES} files are included; the rest is not read`)
    const content = readInclude(target)
    if (content === undefined) return problem(`the included file ${target} cannot be read`)
    parseFile(content, target, depth + 1)
  }

  parseFile(text, file, 0)
  return { entries, sections, problems }
}

/** `key = value`; a key with other characters than `_0-9A-Za-z.*-` stands in double quotes. */
function splitPair(statement: string): { key: string; value: string } | undefined {
  const match = /^(?:"((?:[^"]|"")*)"|([\w.*-]+))[ \t]*=[ \t]*(.*)$/s.exec(statement)
  if (match === null) return undefined
  return { key: match[1]?.replaceAll('""', '"') ?? match[2]!, value: match[3]!.trim() }
}

export interface ConnectString {
  readonly pairs: readonly { readonly key: string; readonly value: string }[]
  /** What is wrong with it, if anything. */
  readonly problem?: string
}

/**
 * The value of a line in `[databases]`, `[users]` or `[peers]`: `key=value` pairs, values in `'…'` where they need it.
 *
 * @example
 * ```ts
 * import { parseConnectString } from '@ops/pgbouncer-stats'
 *
 * console.log(parseConnectString("host=db.example.com port=5432 connect_query='SELECT 1'"))
 * ```
 */
export function parseConnectString(text: string): ConnectString {
  const pairs: { key: string; value: string }[] = []
  const pattern = /\s*([^\s=]+)\s*=\s*(?:'((?:[^']|'')*)'|([^'\s]\S*))(?=\s|$)/y
  while (text.slice(pattern.lastIndex).trim() !== '') {
    const at = pattern.lastIndex
    const match = pattern.exec(text)
    if (match === null) return { pairs, problem: `it cannot be read from "${shown(text.slice(at))}" on` }
    const value = match[2]?.replaceAll("''", "'") ?? match[3]!
    if (value === '') return { pairs, problem: `"${match[1]}" has an empty value, which PgBouncer refuses` }
    pairs.push({ key: match[1]!, value })
  }
  return { pairs }
}

/** The beginning of a text, without what may be a password. */
function shown(text: string): string {
  return text.trim().split('=')[0]!.slice(0, 20)
}
