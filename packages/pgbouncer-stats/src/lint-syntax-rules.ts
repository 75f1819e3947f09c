/** Rules about what PgBouncer cannot read, does not know, or does not know yet. */
import { parseConnectString, type ConfigEntry } from './config-parse.ts'
import {
  DATABASE_KEYS,
  existsIn,
  findSetting,
  isVersionAtLeast,
  PEER_KEYS,
  SETTINGS,
  USER_KEYS,
  type Setting,
} from './config-settings.ts'
import { atEntry, type LintContext, type LintFinding } from './lint-context.ts'

const SECTIONS = ['databases', 'users', 'peers', 'pgbouncer']

export function lintSyntax(context: LintContext): LintFinding[] {
  return [
    ...context.config.problems.map((problem): LintFinding => ({
      rule: 'syntax',
      severity: 'error',
      message: problem.message,
      fix: 'correct the line; PgBouncer does not start with it',
      file: problem.file,
      line: problem.line,
    })),
    ...(context.facts.userlistProblem === undefined
      ? []
      : [
          {
            ...context.facts.userlistProblem,
            rule: 'userlist',
            severity: 'error' as const,
            fix: 'correct the line',
          },
        ]),
    ...context.config.sections
      .filter(({ name }) => !SECTIONS.includes(name))
      .map((section) => {
        const message = `there is no section [${section.name}]`
        return {
          rule: 'unknown-section',
          severity: 'error' as const,
          message,
          fix: `use one of ${SECTIONS.map((name) => `[${name}]`).join(', ')}`,
          file: section.file,
          line: section.line,
        }
      }),
    ...context.config.entries.flatMap((entry) => lintEntry(entry, context)),
  ]
}

function lintEntry(entry: ConfigEntry, context: LintContext): LintFinding[] {
  switch (entry.section) {
    case 'pgbouncer':
      return lintSetting(entry, context)
    case 'databases':
      return [...lintReservedName(entry, context), ...lintPairs(entry, DATABASE_KEYS, context)]
    case 'users':
      return lintPairs(entry, USER_KEYS, context)
    case 'peers':
      return lintPairs(entry, PEER_KEYS, context)
    default:
      return []
  }
}

function lintReservedName(entry: ConfigEntry, context: LintContext): LintFinding[] {
  if (entry.key !== 'pgbouncer') return []
  return [
    atEntry(context, entry, {
      rule: 'reserved-database',
      severity: 'error',
      message: 'the database name "pgbouncer" belongs to the admin console',
      fix: 'give the database another name here, and its own in dbname=',
    }),
  ]
}

function lintSetting(entry: ConfigEntry, context: LintContext): LintFinding[] {
  const { version } = context
  const setting = findSetting(entry.key)
  if (setting === undefined) {
    const similar = closest(
      entry.key,
      SETTINGS.map(({ name }) => name),
    )
    const fix = similar === undefined ? 'remove it' : `did you mean "${similar}"?`
    return [
      atEntry(context, entry, {
        rule: 'unknown-setting',
        severity: 'error',
        message: `PgBouncer has no setting "${entry.key}"`,
        fix,
      }),
    ]
  }
  if (!existsIn(setting, version)) return [atEntry(context, entry, absentSetting(setting, version))]
  const wrong = wrongValue(setting, entry.value)
  if (wrong === undefined) return []
  return [
    atEntry(context, entry, {
      rule: 'invalid-value',
      severity: 'error',
      message: `${setting.name} is "${entry.value}"; ${wrong}`,
      fix: 'correct the value; PgBouncer refuses it',
    }),
  ]
}

function absentSetting(
  { name, since, removed }: Setting,
  version: string,
): Omit<LintFinding, 'file' | 'line'> {
  const rule = 'setting-not-in-version'
  if (removed !== undefined && isVersionAtLeast(version, removed)) {
    return {
      rule,
      severity: 'error',
      message: `${name} is gone since PgBouncer ${removed}; this is ${version}`,
      fix: 'remove it',
    }
  }
  return {
    rule,
    severity: 'error',
    message: `${name} came with PgBouncer ${since ?? '1.8'}; this is ${version}`,
    fix: `remove it, or upgrade to ${since ?? '1.8'}`,
  }
}

function wrongValue({ kind }: Setting, value: string): string | undefined {
  switch (kind) {
    case 'text':
      return undefined
    case 'boolean':
      return /^[01]$/.test(value) ? undefined : 'it must be 0 or 1'
    case 'integer':
      return /^-?(0x[0-9a-f]+|\d+)$/i.test(value) ? undefined : 'it must be a whole number, without a unit'
    case 'seconds':
      return /^\d*\.?\d+(e\d+)?$/i.test(value) ? undefined : 'it must be a number of seconds, without a unit'
    default:
      return kind.split('|').includes(value.toLowerCase())
        ? undefined
        : `it must be one of ${kind.replaceAll('|', ', ')}`
  }
}

function lintPairs(
  entry: ConfigEntry,
  known: Readonly<Record<string, string>>,
  context: LintContext,
): LintFinding[] {
  const { version } = context
  const { pairs, problem } = parseConnectString(entry.value)
  const where = `[${entry.section}] ${entry.key}`
  const findings: LintFinding[] = []
  if (problem !== undefined) {
    findings.push(
      atEntry(context, entry, {
        rule: 'connect-string',
        severity: 'error',
        message: `${where}: ${problem}`,
        fix: "write key=value pairs, and '…' around a value with spaces",
      }),
    )
  }
  for (const { key, value } of pairs) {
    const since = Object.hasOwn(known, key) ? known[key]! : undefined
    if (since === undefined) {
      const similar = closest(key, Object.keys(known))
      const fix = similar === undefined ? 'remove it' : `did you mean "${similar}"?`
      findings.push(
        atEntry(context, entry, {
          rule: 'unknown-parameter',
          severity: 'error',
          message: `${where} has the parameter "${key}", which PgBouncer does not know there`,
          fix,
        }),
      )
    } else if (!isVersionAtLeast(version, since)) {
      findings.push(
        atEntry(context, entry, {
          rule: 'setting-not-in-version',
          severity: 'error',
          message: `${where}: ${key} came with PgBouncer ${since}; this is ${version}`,
          fix: `remove it, or upgrade to ${since}`,
        }),
      )
    } else if (key === 'pool_mode' && !/^(session|transaction|statement)$/i.test(value)) {
      findings.push(
        atEntry(context, entry, {
          rule: 'invalid-value',
          severity: 'error',
          message: `${where}: pool_mode is "${value}"`,
          fix: 'use session, transaction or statement',
        }),
      )
    } else if (
      /_size$|_connections$|^reserve_pool$|^port$/.test(key) &&
      !/^\d+$/.test(value) &&
      !(key === 'port' && /^[\d,]+$/.test(value))
    ) {
      findings.push(
        atEntry(context, entry, {
          rule: 'invalid-value',
          severity: 'error',
          message: `${where}: ${key} is "${value}"`,
          fix: 'use a whole number',
        }),
      )
    }
  }
  return findings
}

/** The name that was probably meant: at most two letters away, and no more than a third of it. */
function closest(wrong: string, names: readonly string[]): string | undefined {
  const ranked = names.map((name) => ({
    name,
    distance: editDistance(wrong.slice(0, 60).toLowerCase(), name),
  }))
  const best = ranked.toSorted((a, b) => a.distance - b.distance)[0]
  if (best === undefined) return undefined
  return best.distance <= Math.min(2, Math.floor(best.name.length / 3)) ? best.name : undefined
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1))
    }
    previous = current
  }
  return previous[b.length]!
}
