import { existsSync, readFileSync } from 'node:fs'
import { needs } from '@ops/testbed'
import { describe, expect, it } from 'vitest'
import { lintConfig } from '../src/lint-config.ts'

/** Debian's package installs PgBouncer's own sample, and both families have it here. */
const SAMPLE = '/etc/pgbouncer/pgbouncer.ini'

describe("PgBouncer's own sample file", () => {
  it('has no error, as it is and with every setting that it shows switched on', (context) => {
    needs(context, existsSync(SAMPLE), `${SAMPLE} is not there`)
    const text = readFileSync(SAMPLE, 'utf8')
    // Of its comments, `;name = value` is a setting; `;; words` is text, and so are notes in angle brackets.
    const all = text.replaceAll(/^;(?!conffile)(?=\w+ *= *[^<\s])/gm, '')
    expect(all.length).toBeLessThan(text.length - 20)
    for (const given of [text, all]) {
      const errors = lintConfig({
        text: given,
        version: '1.18.0',
        intendedPoolMode: 'session',
      }).findings.filter(({ rule }) =>
        [
          'syntax',
          'unknown-setting',
          'unknown-parameter',
          'setting-not-in-version',
          'invalid-value',
          'connect-string',
          'unknown-section',
        ].includes(rule),
      )
      expect(errors).toEqual([])
    }
    expect(
      lintConfig({ text, version: '1.18.0' }).findings.filter(({ severity }) => severity === 'error'),
    ).toEqual([])
  })
})
