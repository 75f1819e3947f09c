import { listDatabases, type ListDatabasesOptions } from '@ops/pg-backup'

/** What has a wildcard or quotes is a pattern of psql; everything else is a name as it is. */
function isPattern(text: string): boolean {
  return /[*?"]/.test(text)
}

/** Throws for a pattern that makes no sense. */
export function checkDatabasePattern(text: string): void {
  if (text === '') throw new Error('it must not be empty')
  if (isPattern(text) && !/^(?:[^".]|"(?:[^"]|"")*")+$/.test(text))
    throw new Error(`in a pattern, quotes are closed, and a dot stands in quotes; ${text} is none`)
}

function toPattern(text: string): string {
  return isPattern(text) ? text : `"${text}"`
}

/** The databases that are looked after. */
export interface Databases {
  /** Those that are named, and those that were found. */
  readonly list: () => readonly string[]
  /** That it is neither named nor was there at the last look; false as long as there was none. */
  readonly isGone: (database: string) => boolean
  /** Looks which databases of the server match a pattern now; absent where there is no pattern. */
  readonly find?: (signal: AbortSignal) => Promise<void>
}

/** Names are taken at their word. Patterns are looked up; until that worked again, what was found before counts. */
export function createDatabases(
  { databases, exclude }: { readonly databases: readonly string[]; readonly exclude: readonly string[] },
  server: Pick<ListDatabasesOptions, 'connection' | 'env'>,
): Databases {
  const named = databases.filter((each) => !isPattern(each))
  const include = databases.filter(isPattern)
  let list = named
  let hasLooked = false
  const find = async (signal: AbortSignal): Promise<void> => {
    const found = await listDatabases({ ...server, include, exclude: exclude.map(toPattern), signal })
    list = [...new Set([...named, ...found])]
    hasLooked = true
  }
  return {
    list: () => list,
    isGone: (database) => hasLooked && !list.includes(database),
    find: include.length === 0 ? undefined : find,
  }
}
