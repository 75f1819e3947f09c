import { afterEach, describe, expect, it, vi } from 'vitest'
import { defaultMode, defaultPostgresVersion, pgBouncerSuite, postgresSuite, s3Suite } from './matrix.ts'

describe('the matrix of servers', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it('is local, and in containers what Debian 13 has, unless the environment says otherwise', () => {
    for (const name of ['MODE', 'PG', 'PGBOUNCER', 'S3_SUITE']) vi.stubEnv(`OPS_TESTBED_${name}`, '')
    expect(defaultMode()).toBe('local')
    expect(defaultPostgresVersion()).toBeUndefined()
    expect([postgresSuite(), pgBouncerSuite(), s3Suite()]).toEqual(['trixie', 'trixie', 'sid'])
    vi.stubEnv('OPS_TESTBED_MODE', 'container')
    vi.stubEnv('OPS_TESTBED_PG', '18')
    vi.stubEnv('OPS_TESTBED_PGBOUNCER', '1.18')
    vi.stubEnv('OPS_TESTBED_S3_SUITE', 'trixie')
    expect(defaultMode()).toBe('container')
    expect([postgresSuite(), pgBouncerSuite(), s3Suite()]).toEqual(['sid', 'bookworm', 'trixie'])
    expect([postgresSuite(15), pgBouncerSuite('1.26')]).toEqual(['bookworm', 'sid'])
  })

  it('refuses what there is no image for', () => {
    expect(() => postgresSuite(9)).toThrow(/15, 17, 18/)
    expect(() => pgBouncerSuite('0.9')).toThrow(/1\.18, 1\.24, 1\.26/)
    expect(() => s3Suite('buster')).toThrow(/buster/)
    vi.stubEnv('OPS_TESTBED_MODE', 'cloud')
    expect(() => defaultMode()).toThrow(/cloud/)
    vi.stubEnv('OPS_TESTBED_PG', 'newest')
    expect(() => defaultPostgresVersion()).toThrow(/newest/)
  })
})
