import { parseConnectString, type ConfigEntry, type ParsedConfig } from './config-parse.ts'
import { defaultOf, existsIn, findSetting, takesEffectOn, type TakesEffect } from './config-settings.ts'
import type { UserlistEntry } from './userlist-parse.ts'

export type Severity = 'error' | 'warning' | 'note'

/** One thing that is wrong, unsafe or contradictory in a configuration. */
export interface LintFinding {
  /** Stable; see the README's table of rules. */
  readonly rule: string
  readonly severity: Severity
  readonly message: string
  /** What to do. */
  readonly fix: string
  /** What it takes for a changed setting to hold; absent where mending it changes no setting. */
  readonly takesEffect?: TakesEffect
  readonly file: string
  /** From 1; 1 also where the fault is that something is missing. */
  readonly line: number
}

/** What is known beside the file itself. Everything is optional; rules that need it stay silent without. */
export interface LintFacts {
  /** PgBouncer's version. @default the newest known */
  readonly version?: string
  /** What `auth_file` contains. */
  readonly userlist?: readonly UserlistEntry[]
  /** Where PgBouncer would stop reading `auth_file`. */
  readonly userlistProblem?: { readonly message: string; readonly file: string; readonly line: number }
  /** Modes of files (`stat().mode & 0o777`), by path. */
  readonly fileModes?: Readonly<Record<string, number>>
  /** The most open files that PgBouncer's process may have (`ulimit -n`, `LimitNOFILE`). */
  readonly openFilesLimit?: number
  /** PostgreSQL behind it. */
  readonly postgres?: {
    readonly maxConnections: number
    /** For superusers, replication and whoever connects directly. @default 3 */
    readonly reservedConnections?: number
  }
  /** Users that applications log in as. */
  readonly appUsers?: readonly string[]
  /** What the applications are made for. @default 'transaction' */
  readonly intendedPoolMode?: 'session' | 'transaction' | 'statement'
}

export interface LintedDatabase {
  readonly entry: ConfigEntry
  readonly name: string
  readonly options: ReadonlyMap<string, string>
}

/** Everything that a rule looks at. */
export interface LintContext {
  readonly config: ParsedConfig
  readonly facts: LintFacts
  readonly version: string
  readonly file: string
  readonly databases: readonly LintedDatabase[]
  readonly users: readonly LintedDatabase[]
  /** The last entry of a setting in `[pgbouncer]`, which is the one that counts. */
  entry(name: string): ConfigEntry | undefined
  /** The setting as it takes effect: the file's, or the default of the version. */
  value(name: string): string
  number(name: string): number
}

export function lintContext(
  config: ParsedConfig,
  file: string,
  facts: LintFacts,
  version: string,
): LintContext {
  const settings = new Map<string, ConfigEntry>()
  for (const entry of config.entries) if (entry.section === 'pgbouncer') settings.set(entry.key, entry)
  const lines = (section: string): LintedDatabase[] =>
    config.entries
      .filter((entry) => entry.section === section)
      .map((entry) => ({
        entry,
        name: entry.key,
        options: new Map(parseConnectString(entry.value).pairs.map(({ key, value }) => [key, value])),
      }))
  const value = (name: string): string => settings.get(name)?.value ?? defaultOf(name, version)
  return {
    config,
    facts,
    version,
    file,
    databases: lines('databases'),
    users: lines('users'),
    entry: (name) => settings.get(name),
    value,
    number: (name) => Number(value(name)),
  }
}

/** Where a setting is, or the file's beginning where it is not. */
export function placeOf(context: LintContext, name: string): { file: string; line: number } {
  const entry = context.entry(name)
  return { file: entry?.file ?? context.file, line: entry?.line ?? 1 }
}

/** A finding that is mended by changing a setting of `[pgbouncer]`. */
export function atSetting(
  context: LintContext,
  name: string,
  finding: Omit<LintFinding, 'file' | 'line'>,
): LintFinding {
  return { ...finding, ...effectOf('pgbouncer', name, context), ...placeOf(context, name) }
}

/** A finding that is mended by changing this line. */
export function atEntry(
  context: LintContext,
  { section, key, file, line }: ConfigEntry,
  finding: Omit<LintFinding, 'file' | 'line'>,
): LintFinding {
  return { ...finding, ...effectOf(section, key, context), file, line }
}

function effectOf(section: string, key: string, { version }: LintContext): Pick<LintFinding, 'takesEffect'> {
  // RELOAD reads all of the other sections again.
  if (section !== 'pgbouncer') return { takesEffect: 'reload' }
  const setting = findSetting(key)
  if (setting === undefined || !existsIn(setting, version)) return {}
  return { takesEffect: takesEffectOn(setting, version) }
}
