import type { ConsoleResult } from './console.ts'

/** For PgBouncers with tens of thousands of pools: which of them become metrics. Exclusion wins. */
export interface RowFilterOptions {
  /** Only databases of which one of these matches the name; all, if there is none. */
  readonly includeDatabases?: readonly RegExp[]
  /** No database of which one of these matches the name; goes before inclusion. */
  readonly excludeDatabases?: readonly RegExp[]
  /** Only users of which one of these matches the name; all, if there is none. */
  readonly includeUsers?: readonly RegExp[]
  /** No user of which one of these matches the name; goes before inclusion. */
  readonly excludeUsers?: readonly RegExp[]
}

/** Keeps the rows of an answer whose database and user are wanted; an answer without such columns whole. */
export type RowFilter = (answer: ConsoleResult) => ConsoleResult

export function createRowFilter(options: RowFilterOptions): RowFilter {
  const database = matcher(options.includeDatabases, options.excludeDatabases)
  const user = matcher(options.includeUsers, options.excludeUsers)
  if (database === undefined && user === undefined) return (answer) => answer
  return ({ columns, rows }) => {
    // In SHOW DATABASES the name that clients use is "name"; "database" is the one behind.
    const databaseIndex = columns.includes('name') ? columns.indexOf('name') : columns.indexOf('database')
    const userIndex = columns.indexOf('user')
    return {
      columns,
      rows: rows.filter((row) => isWanted(database, row[databaseIndex]) && isWanted(user, row[userIndex])),
    }
  }
}

type Matcher = (value: string) => boolean

function isWanted(matches: Matcher | undefined, value: string | null | undefined): boolean {
  return matches === undefined || value === undefined || matches(value ?? '')
}

function matcher(include: readonly RegExp[] = [], exclude: readonly RegExp[] = []): Matcher | undefined {
  if (include.length === 0 && exclude.length === 0) return undefined
  const known = new Map<string, boolean>()
  const decide: Matcher = (value) =>
    !exclude.some((pattern) => value.search(pattern) !== -1) &&
    (include.length === 0 || include.some((pattern) => value.search(pattern) !== -1))
  return (value) => {
    const verdict = known.get(value) ?? decide(value)
    known.set(value, verdict)
    return verdict
  }
}
