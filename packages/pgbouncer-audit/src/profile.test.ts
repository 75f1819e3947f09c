import { describe, expect, it } from 'vitest'
import { auditSource } from './audit-source.ts'
import { parsePgbouncerIni } from './pgbouncer-ini.ts'
import { acceptsAtStartup, createProfile, isTracked, type ProfileInput } from './profile.ts'

async function audit(source: string, profile: ProfileInput): Promise<string[]> {
  const { findings } = await auditSource({ files: [{ path: 'a.ts', source }], profile })
  return findings.map((finding) => `${finding.ruleId} ${finding.severity}`)
}

const NAMED = "await pool.query({ name: 'a', text: 'SELECT 1' })"

describe('a named statement', () => {
  it.each([
    [{ version: '1.18' }, ['PGB031 error']],
    [{ version: '1.21' }, ['PGB031 error']],
    [{ version: '1.21', maxPreparedStatements: 100 }, []],
    [{ version: '1.24' }, []],
    [{ version: '1.24', maxPreparedStatements: 0 }, ['PGB031 error']],
    [{}, ['PGB031 warning']],
    [{ poolMode: 'session' as const }, []],
  ])('under %o is reported as %o', async (profile, expected) => {
    expect(await audit(NAMED, profile)).toEqual(expected)
  })
})

describe('the profile', () => {
  it('takes 200 prepared statements for granted from 1.24 on, and none before 1.21', () => {
    expect(createProfile({ version: '1.24.1' }).maxPreparedStatements).toBe(200)
    expect(createProfile({ version: '1.20', maxPreparedStatements: 100 }).maxPreparedStatements).toBe(0)
    expect(createProfile().maxPreparedStatements).toBeNull()
  })

  it('comes out of a pgbouncer.ini', () => {
    const ini =
      '[databases]\n* = host=db\n[pgbouncer]\npool_mode = transaction\nmax_prepared_statements=50\nignore_startup_parameters = extra_float_digits, options\n'
    expect(parsePgbouncerIni(ini)).toEqual({
      poolMode: 'transaction',
      maxPreparedStatements: 50,
      ignoreStartupParameters: ['extra_float_digits', 'options'],
      trackExtraParameters: [],
    })
  })

  it('is session pooling where a pgbouncer.ini does not say otherwise, as in PgBouncer', () => {
    expect(parsePgbouncerIni('[pgbouncer]\n').poolMode).toBe('session')
  })

  it('knows which parameters follow the client', () => {
    expect(isTracked('TimeZone', createProfile({ version: '1.18' }))).toBe(true)
    expect(isTracked('IntervalStyle', createProfile({ version: '1.18' }))).toBe(false)
    expect(
      isTracked('search_path', createProfile({ version: '1.24', trackExtraParameters: ['search_path'] })),
    ).toBe(true)
    // PostgreSQL does not report it, so PgBouncer cannot track it, whatever the setting says.
    expect(
      isTracked('statement_timeout', createProfile({ trackExtraParameters: ['statement_timeout'] })),
    ).toBe(false)
  })

  it('knows which parameters a connection may start with', () => {
    expect(
      acceptsAtStartup(
        'statement_timeout',
        false,
        createProfile({ ignoreStartupParameters: ['statement_timeout'] }),
      ),
    ).toBe(true)
    expect(acceptsAtStartup('statement_timeout', false, createProfile())).toBe(false)
    expect(acceptsAtStartup('timezone', true, createProfile({ version: '1.18' }))).toBe(false)
    expect(acceptsAtStartup('timezone', true, createProfile({ version: '1.24' }))).toBe(true)
  })
})
