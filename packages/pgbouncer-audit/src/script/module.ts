import type { PlacedFact, PlacedStatement } from '../unit.ts'
import type { ScriptContext } from './context.ts'
import { driverOfPackage } from './drivers.ts'
import { createIdentifier, type Identity, type ResolveExport } from './identity.ts'
import { collectLibraryFacts } from './library-facts.ts'
import { analyseScopes } from './scopes.ts'
import { collectStatements } from './sql-sites.ts'
import { createStringReader } from './strings.ts'
import { parseScript, type Node, type ScriptLanguage } from './syntax.ts'

/** One module of the audited project. */
export interface ScriptModule {
  readonly statements: readonly PlacedStatement[]
  readonly facts: readonly PlacedFact[]
}

export type LoadedContext =
  | { readonly context: ScriptContext }
  | { readonly problem: string; readonly at: number }

/** Parses a module and makes it ready for questions. */
export function loadContext(
  path: string,
  source: string,
  lang: ScriptLanguage,
  resolveExport: ResolveExport,
): LoadedContext {
  const outcome = parseScript(path, source, lang)
  if ('problem' in outcome) return outcome
  const { syntax } = outcome
  const scopes = analyseScopes(syntax)
  const identifier = createIdentifier(source, syntax, scopes, resolveExport)
  const drivers = new Set(
    importedModules(syntax.nodes).flatMap(
      (name) => driverOfPackage(name) ?? resolveExport(name, '*')?.driver ?? [],
    ),
  )
  const usesPostgres = [...drivers].some((driver) => driver !== 'other-database')
  const isElsewhere =
    drivers.has('other-database') ||
    (!/postgres|\bpg(?:_|\b)/i.test(source) && OTHER_DIALECT.test(source)) ||
    /(?:^|[/._-])(?:mysql|mariadb|sqlite|mssql|sqlserver|clickhouse|duckdb|snowflake|oracle|d1|libsql|bigquery|redshift)(?:[/._-]|$)/i.test(
      path,
    )
  const lines = lineStarts(source)
  const lineOf = (offset: number): number => lines.findLastIndex((start) => start <= offset) + 1
  const context: ScriptContext = {
    source,
    syntax,
    scopes,
    strings: createStringReader(source, scopes),
    identifier,
    isOtherDatabase: isElsewhere && ![...drivers].some((driver) => SPECIFIC.has(driver)),
    usesPostgres: usesPostgres || (!isElsewhere && /postgres|\bpg\b/i.test(source)),
    drivers,
    isMigration:
      /(?:^|\/)(?:db-?)?migrations?(?:\/|\.)|\.migration\./i.test(path) &&
      /\b(?:up|down|change)\b/.test(source),
    directLines: syntax.comments.flatMap((comment) =>
      /^\s*pgbouncer-audit-direct\b/.test(comment.value)
        ? [lineOf(comment.start), lineOf(comment.end) + 1]
        : [],
    ),
    lineOf,
  }
  return { context }
}

/** Words of other databases' SQL and drivers. */
const OTHER_DIALECT =
  /sqlite|\bAUTOINCREMENT\b|\bPRAGMA\s|INSERT\s+OR\s+(?:IGNORE|REPLACE)|ENGINE\s*=\s*InnoDB|\bduckdb\b|\bsnowflake\b|\bbigquery\b|\bmysql\b|\bmariadb\b|\bclickhouse\b|\bD1Database\b/i

/** Drivers that speak to PostgreSQL and nothing else. */
const SPECIFIC: ReadonlySet<string> = new Set([
  'pg',
  'postgres.js',
  'pg-promise',
  'pg-cursor',
  'slonik',
  'pg-listen',
  'node-pg-migrate',
])

/** Everything in a module that the rules look at. */
export function readModule(context: ScriptContext): ScriptModule {
  return { statements: collectStatements(context), facts: collectLibraryFacts(context) }
}

/** What a module exports under `name`, as far as databases go. */
export function exportIdentity(
  context: ScriptContext,
  name: string,
  resolveExport: ResolveExport,
): Identity | undefined {
  const { program } = context.syntax
  for (const statement of program.body) {
    if (statement.type === 'ExportDefaultDeclaration' && name === 'default')
      return portable(context.identifier.identify(statement.declaration))
    if (statement.type === 'ExportAllDeclaration') {
      const identity = resolveExport(statement.source.value, name)
      if (identity !== undefined) return identity
    }
    if (statement.type !== 'ExportNamedDeclaration') continue
    for (const specifier of statement.specifiers) {
      const exported = 'name' in specifier.exported ? specifier.exported.name : specifier.exported.value
      if (exported !== name || !('name' in specifier.local)) continue
      if (statement.source !== null) return resolveExport(statement.source.value, specifier.local.name)
      return portable(context.identifier.identify(specifier.local))
    }
  }
  const binding = context.scopes.bindings.find(
    (each) => each.name === name && each.scope === program && each.kind !== 'import',
  )
  return binding === undefined ? undefined : portable(context.identifier.identify(binding.identifier))
}

/** Nodes mean nothing in another module. */
function portable(identity: Identity | undefined): Identity | undefined {
  if (identity === undefined) return undefined
  const { origin: _origin, ...rest } = identity
  return rest
}

function importedModules(nodes: readonly Node[]): string[] {
  const names: string[] = []
  for (const node of nodes) {
    if (node.type === 'ImportDeclaration') names.push(node.source.value)
    if (node.type === 'ImportExpression' && node.source.type === 'Literal')
      names.push(String(node.source.value))
    if (
      node.type === 'CallExpression' &&
      node.callee.type === 'Identifier' &&
      node.callee.name === 'require'
    ) {
      const [argument] = node.arguments
      if (argument?.type === 'Literal') names.push(String(argument.value))
    }
  }
  return names
}

/** The offset at which each line starts. */
export function lineStarts(source: string): number[] {
  const starts = [0]
  for (let at = source.indexOf('\n'); at >= 0; at = source.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}
