import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CERT_PROBE_ERROR_CODES } from './errors.ts'
import { FAILURE_CODES } from './failure.ts'
import { PROBLEM_CODES } from './problem.ts'
import { CERT_PROBE_METRIC_NAMES } from './prometheus.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

describe('the README', () => {
  it.each(CERT_PROBE_ERROR_CODES)('has %s in its table of errors', (code) => {
    expect(readme).toMatch(new RegExp(`^\\| \`${code}\`\\s+\\|`, 'm'))
  })

  it.each([
    ...PROBLEM_CODES,
    ...FAILURE_CODES,
    ...CERT_PROBE_METRIC_NAMES.filter((name) => name.startsWith('ops_')),
  ])('names %s', (name) => {
    expect(readme).toContain(`\`${name}\``)
  })
})
