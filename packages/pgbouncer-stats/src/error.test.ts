import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isPgBouncerStatsError, PGBOUNCER_STATS_ERROR_CODES, PgBouncerStatsError } from './error.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

describe('errors', () => {
  it.each(PGBOUNCER_STATS_ERROR_CODES)('%s stands in the README', (code) => {
    expect(readme).toMatch(new RegExp(`^\\| \`${code}\` +\\|`, 'm'))
  })

  it('are known across copies of the package', () => {
    expect(isPgBouncerStatsError(new PgBouncerStatsError('PGBOUNCER_TIMEOUT', 'too slow'))).toBe(true)
    expect(isPgBouncerStatsError({ [Symbol.for('ops.pgbouncer-stats.error')]: true })).toBe(true)
    expect(isPgBouncerStatsError(new Error('other'))).toBe(false)
    expect(isPgBouncerStatsError(null)).toBe(false)
  })
})
