import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest'
import { checkJson } from '@ops/internal-cli/check-json'
import {
  findProgram,
  needs,
  startPgBouncer,
  startPostgres,
  type PgBouncer,
  type Postgres,
} from '@ops/testbed'
import { auditLive, type LiveFinding } from '../src/live/audit-live.ts'
import { readLiveProfile } from '../src/live/live-profile.ts'

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url))
const hasPgbouncer = findProgram('pgbouncer') !== undefined

describe('the live audit', () => {
  let postgres: Postgres
  let pgbouncer: PgBouncer
  let direct: pg.Client
  let pooled: pg.Client
  const present = (context: TestContext): void =>
    needs(context, hasPgbouncer, 'there is no pgbouncer on this machine')

  beforeAll(async () => {
    if (!hasPgbouncer) return
    const folder = '/usr/share/postgresql'
    const hasStatements = readdirSync(folder, { recursive: true }).some((name) =>
      String(name).endsWith('pg_stat_statements.control'),
    )
    postgres = await startPostgres({
      settings: hasStatements ? { shared_preload_libraries: 'pg_stat_statements' } : {},
    })
    pgbouncer = await startPgBouncer({ postgres, settings: { pool_mode: 'transaction' } })
    direct = new pg.Client(postgres.url('postgres'))
    await direct.connect()
    if (hasStatements) await direct.query('CREATE EXTENSION pg_stat_statements')
    pooled = new pg.Client(pgbouncer.url('postgres'))
    await pooled.connect()
  })
  afterAll(async () => {
    await pooled?.end()
    await direct?.end()
    await pgbouncer?.stop()
    await postgres?.stop()
  })

  async function audit(connection: pg.Client = direct): Promise<readonly LiveFinding[]> {
    return (await auditLive({ connection, profile: { version: pgbouncer.version } })).findings
  }

  it('finds an advisory lock that outlived its transaction', async (context) => {
    present(context)
    await pooled.query('SELECT pg_advisory_lock(7)')
    expect(await audit()).toContainEqual(
      expect.objectContaining({ ruleId: 'PGB010', source: 'pg_locks', confidence: 'high' }),
    )
    await pooled.query('SELECT pg_advisory_unlock(7)')
    expect((await audit()).filter((finding) => finding.source === 'pg_locks')).toEqual([])
  })

  it('does not take the lock of an open transaction for one', async (context) => {
    present(context)
    await pooled.query('BEGIN')
    await pooled.query('SELECT pg_advisory_xact_lock(7)')
    expect((await audit()).filter((finding) => finding.source === 'pg_locks')).toEqual([])
    await pooled.query('COMMIT')
  })

  it('finds a temporary table that stayed behind', async (context) => {
    present(context)
    await pooled.query('CREATE TEMP TABLE left_behind (id int)')
    expect(await audit()).toContainEqual(
      expect.objectContaining({ ruleId: 'PGB040', subject: expect.stringContaining('left_behind') }),
    )
    await pooled.query('DROP TABLE left_behind')
  })

  it('finds what its own backend has prepared and holds open', async (context) => {
    present(context)
    await pooled.query('PREPARE stays AS SELECT 1')
    await pooled.query('BEGIN')
    await pooled.query('DECLARE held CURSOR WITH HOLD FOR SELECT 1')
    await pooled.query('COMMIT')
    const findings = await audit(pooled)
    expect(findings).toContainEqual(expect.objectContaining({ ruleId: 'PGB030', subject: 'stays' }))
    expect(findings).toContainEqual(expect.objectContaining({ ruleId: 'PGB041', subject: 'held' }))
    await pooled.query('DEALLOCATE stays; CLOSE held')
  })

  it('finds statements in pg_stat_statements that do not survive, and leaves out what PgBouncer sends', async (context) => {
    present(context)
    const { rowCount } = await direct.query("SELECT 1 FROM pg_extension WHERE extname = 'pg_stat_statements'")
    needs(context, rowCount === 1, 'pg_stat_statements is not installed')
    await pooled.query("SET statement_timeout = '9s'")
    await pooled.query("SET application_name = 'somebody'")
    await pooled.query('LISTEN somewhere')
    const seen = (await audit()).filter((finding) => finding.source === 'pg_stat_statements')
    expect(seen).toContainEqual(
      expect.objectContaining({ ruleId: 'PGB001', subject: expect.stringContaining('statement_timeout') }),
    )
    expect(seen).toContainEqual(expect.objectContaining({ ruleId: 'PGB020' }))
    expect(seen.filter((finding) => finding.subject.includes('application_name'))).toEqual([])
  })

  it('leaves out the statements of roles that go past PgBouncer', async (context) => {
    present(context)
    const { rowCount } = await direct.query("SELECT 1 FROM pg_extension WHERE extname = 'pg_stat_statements'")
    needs(context, rowCount === 1, 'pg_stat_statements is not installed')
    await direct.query('SELECT pg_stat_statements_reset(); CREATE ROLE "Dump"; CREATE ROLE web')
    await direct.query('SET ROLE "Dump"; SET row_security = off; SET lock_timeout = 1')
    await direct.query('SET ROLE web; SET lock_timeout = 1; RESET ROLE; RESET ALL')
    const seen = async (excludeRoles?: string[]): Promise<[string, string][]> => {
      const { findings } = await auditLive({ connection: direct, excludeRoles })
      return findings
        .filter(({ source }) => source === 'pg_stat_statements')
        .map(({ subject, message }): [string, string] => [
          /row_security|lock_timeout/.exec(subject)?.[0] ?? '',
          /\((\d+) calls\)/.exec(message)![1]!,
        ])
        .filter(([name]) => name !== '')
        .toSorted(([a], [b]) => a.localeCompare(b))
    }
    expect(await seen()).toEqual([
      ['lock_timeout', '2'],
      ['row_security', '1'],
    ])
    expect(await seen(['Dump', 'nobody'])).toEqual([['lock_timeout', '1']])
    expect(await seen(['Dump', 'web'])).toEqual([])
  })

  it('finds stored settings that PgBouncer overrides', async (context) => {
    present(context)
    await direct.query("ALTER DATABASE postgres SET timezone = 'Asia/Tokyo'")
    await direct.query("ALTER DATABASE postgres SET statement_timeout = '1min'")
    const seen = (await audit()).filter((finding) => finding.source === 'pg_db_role_setting')
    expect(seen).toEqual([expect.objectContaining({ message: expect.stringMatching(/timezone/i) })])
  })

  it('says what it could not look at', async (context) => {
    present(context)
    await direct.query('CREATE DATABASE bare')
    const bare = new pg.Client(postgres.url('bare'))
    await bare.connect()
    const { skipped } = await auditLive({ connection: bare })
    await bare.end()
    expect(skipped).toEqual([
      { source: 'pg_stat_statements', reason: expect.stringContaining('pg_stat_statements') },
    ])
  })

  it('rejects where nobody answers, and with the reason of an abort', async (context) => {
    present(context)
    const gone = new pg.Client(postgres.url('postgres'))
    await gone.connect()
    await gone.end()
    await expect(auditLive({ connection: gone })).rejects.toMatchObject({ code: 'AUDIT_LIVE_FAILED' })
    const reason = new Error('enough')
    await expect(auditLive({ connection: direct, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  it('counts refused clients in the log', async (context) => {
    present(context)
    for (const options of [{ statement_timeout: 1 }, { statement_timeout: 2 }]) {
      const client = new pg.Client({ connectionString: pgbouncer.url('postgres'), ...options })
      await expect(client.connect()).rejects.toThrow('unsupported startup parameter')
    }
    await expect
      .poll(async () => {
        const { findings } = await auditLive({ connection: direct, pgbouncerLog: await pgbouncer.logText() })
        return findings.filter((finding) => finding.source === 'PgBouncer log')
      })
      .toEqual([
        expect.objectContaining({
          ruleId: 'PGB050',
          subject: 'statement_timeout',
          message: expect.stringContaining('refused 2 connections'),
        }),
      ])
  })

  it('reads the profile from the console', async (context) => {
    present(context)
    const console = new pg.Client(pgbouncer.adminUrl)
    await console.connect()
    expect(await readLiveProfile(console)).toMatchObject({
      version: pgbouncer.version,
      poolMode: 'transaction',
      source: 'live',
    })
    await console.end()
  })

  it('is a command, with the exit code of findings', async (context) => {
    present(context)
    await pooled.query('CREATE TEMP TABLE seen_by_cli (id int)')
    const folder = mkdtempSync(join(tmpdir(), 'ops-audit-live-'))
    const log = join(folder, 'pgbouncer.log')
    writeFileSync(
      log,
      'C-0x1: app/web@10.0.0.1:5000 closing because: unsupported startup parameter: geqo (age=0s)\n',
    )
    const args = ['live', '--json', '--pgbouncer-log', log, '--exclude-role', 'backup', 'monitoring']
    const { status, stdout } = spawnSync(process.execPath, [CLI, ...args], {
      encoding: 'utf8',
      env: { ...process.env, DATABASE_URL: postgres.url('postgres') },
    })
    rmSync(folder, { recursive: true })
    checkJson('pgbouncer-audit', args, stdout)
    expect(JSON.parse(stdout).findings).toContainEqual(
      expect.objectContaining({ ruleId: 'PGB050', source: 'PgBouncer log', subject: 'geqo' }),
    )
    expect(JSON.parse(stdout).findings).toContainEqual(
      expect.objectContaining({ subject: expect.stringContaining('seen_by_cli') }),
    )
    expect(status).toBe(3)
  })
})
