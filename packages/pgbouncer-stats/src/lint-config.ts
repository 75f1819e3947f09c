import { parseConfig, type ParseConfigOptions } from './config-parse.ts'
import { LATEST_VERSION } from './config-settings.ts'
import { lintContext, type LintFacts, type LintFinding, type Severity } from './lint-context.ts'
import { lintPooling } from './lint-pooling-rules.ts'
import { lintSecurity } from './lint-security-rules.ts'
import { lintSyntax } from './lint-syntax-rules.ts'

export type { LintFacts, LintFinding } from './lint-context.ts'

/** Options of {@link lintConfig}: the file's text, and what is known of its surroundings. */
export interface LintConfigOptions extends ParseConfigOptions, LintFacts {}

/** What {@link lintConfig} found. */
export interface LintReport {
  readonly file: string
  /** The version that was assumed or given. */
  readonly version: string
  /** The most severe first, then by place. */
  readonly findings: readonly LintFinding[]
}

const RANK: Record<Severity, number> = { error: 0, warning: 1, note: 2 }

/**
 * Looks for what is wrong, unsafe or contradictory in a `pgbouncer.ini`. Pure: what is beside the
 * file (the user list, file modes, PostgreSQL's limits) is passed in; `loadConfigFacts` collects it.
 *
 * @example
 * ```ts
 * import { lintConfig } from '@ops/pgbouncer-stats'
 *
 * const { findings } = lintConfig({ text: '[pgbouncer]\nauth_type = trust\n', version: '1.24.0' })
 * for (const { rule, severity, line, message, fix } of findings) console.log(line, severity, rule, message, fix)
 * ```
 */
export function lintConfig(options: LintConfigOptions): LintReport {
  const { file = 'pgbouncer.ini', version = LATEST_VERSION } = options
  const context = lintContext(parseConfig(options), file, options, version)
  const findings = [...lintSyntax(context), ...lintPooling(context), ...lintSecurity(context)]
  const inOrder = findings.toSorted(
    (a, b) => RANK[a.severity] - RANK[b.severity] || compare(a.file, b.file) || a.line - b.line,
  )
  return { file, version, findings: inOrder }
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
