import { describe, expect, it } from 'vitest'
import { auditSource } from './audit-source.ts'

async function audit(source: string, path = 'a.ts'): Promise<string[]> {
  const { findings } = await auditSource({ files: [{ path, source }] })
  return findings.map((finding) => `${finding.line} ${finding.ruleId}`)
}

const LOCK = "await client.query('SELECT pg_advisory_lock(1)')"

describe('suppressions', () => {
  it('accept a finding on the next line, for a reason', async () => {
    expect(await audit(`// pgbouncer-audit-ignore PGB010: one worker only\n${LOCK}`)).toEqual([])
  })

  it('accept a finding on their own line', async () => {
    expect(await audit(`${LOCK} // pgbouncer-audit-ignore PGB010: one worker only`)).toEqual([])
  })

  it('skip the rest of a comment on the way to the next line of code', async () => {
    expect(
      await audit(`// pgbouncer-audit-ignore PGB010: one worker only,\n// started by hand\n${LOCK}`),
    ).toEqual([])
  })

  it('accept a rule in a whole file', async () => {
    expect(
      await audit(`// pgbouncer-audit-ignore-file PGB010: a migration tool\n\n\n${LOCK}\n${LOCK}`),
    ).toEqual([])
  })

  it('work in SQL and in settings files', async () => {
    expect(
      await audit("-- pgbouncer-audit-ignore PGB001: run by psql\nSET lock_timeout = '1s';", 'a.sql'),
    ).toEqual([])
    expect(
      await audit('# pgbouncer-audit-ignore PGB050: not pooled\nPGOPTIONS="-c lock_timeout=1s"', '.env'),
    ).toEqual([])
  })

  it('do not apply without a reason, and say so', async () => {
    expect(await audit(`// pgbouncer-audit-ignore PGB010\n${LOCK}`)).toEqual(['1 PGB091', '2 PGB010'])
    expect(await audit(`// pgbouncer-audit-ignore: because\n${LOCK}`)).toEqual(['1 PGB091', '2 PGB010'])
  })

  it('do not apply to another rule, and are then stale', async () => {
    expect(await audit(`// pgbouncer-audit-ignore PGB001: wrong one\n${LOCK}`)).toEqual([
      '1 PGB090',
      '2 PGB010',
    ])
  })

  it('are stale when nothing is left to accept', async () => {
    expect(
      await audit('// pgbouncer-audit-ignore PGB010: gone since\nawait client.query("SELECT 1")'),
    ).toEqual(['1 PGB090'])
  })
})
