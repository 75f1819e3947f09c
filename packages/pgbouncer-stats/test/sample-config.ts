import { lintConfig, type LintFinding } from '../src/lint-config.ts'

/** Where Debian's package puts PgBouncer's own sample. */
export const SAMPLE = '/etc/pgbouncer/pgbouncer.ini'

const FALSE_ERRORS = new Set([
  'syntax',
  'unknown-setting',
  'unknown-parameter',
  'setting-not-in-version',
  'invalid-value',
  'connect-string',
  'unknown-section',
])

/** The sample with every setting that it shows in a comment switched on. */
export function withEverySetting(sample: string): string {
  // `;name = value` is a setting; `;; words` is text, and so are notes in angle brackets.
  return sample.replaceAll(/^;(?!conffile)(?=\w+ *= *[^<\s])/gm, '')
}

/** What the linter must not say of PgBouncer's own sample, as it is or with every setting switched on. */
export function falseErrors(sample: string, version: string): LintFinding[] {
  const unreadable = [sample, withEverySetting(sample)].flatMap((text) =>
    lintConfig({ text, version, intendedPoolMode: 'session' }).findings.filter(({ rule }) =>
      FALSE_ERRORS.has(rule),
    ),
  )
  const errors = lintConfig({ text: sample, version }).findings.filter(({ severity }) => severity === 'error')
  return [...unreadable, ...errors]
}
