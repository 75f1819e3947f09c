import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkJson } from '@ops/internal-cli/check-json'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url))
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ops-audit-cli-'))
  writeFileSync(
    join(folder, 'a.ts'),
    'await client.query(\'LISTEN jobs\')\nawait pool.query("SET LOCAL lock_timeout = 1")\n',
  )
  writeFileSync(join(folder, 'clean.ts'), 'export const a = 1\n')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function run(...args: string[]): SpawnSyncReturns<string> {
  const ended = spawnSync(process.execPath, [CLI, ...args], {
    encoding: 'utf8',
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
  })
  checkJson('pgbouncer-audit', args, ended.stdout)
  return ended
}

describe('pgbouncer-audit', () => {
  it('prints JSON of exactly the documented shape, with files relative to the path, and exits with 3', () => {
    const { status, stdout } = run('--json', folder)
    expect(status).toBe(3)
    const result = JSON.parse(stdout) as { findings: object[] }
    expect(Object.keys(result)).toEqual(['findings', 'profile', 'stats'])
    expect(result.findings[0]).toEqual({
      ruleId: 'PGB020',
      severity: 'error',
      confidence: 'high',
      file: 'a.ts',
      line: 1,
      column: 21,
      message: expect.any(String),
      why: expect.any(String),
      fix: expect.any(String),
    })
  })

  it('shows the line, the reason and the remedy to people', () => {
    const { stdout } = run()
    expect(stdout).toContain("1 │ await client.query('LISTEN jobs')")
    expect(stdout).toMatch(/why: .*\n.*fix: /)
  })

  it('audits one file, and several paths', () => {
    expect(JSON.parse(run('--json', 'a.ts').stdout).findings[0].file).toBe('a.ts')
    expect(run('clean.ts').status).toBe(0)
    expect(JSON.parse(run('--json', 'clean.ts', 'a.ts').stdout).findings).toHaveLength(2)
  })

  it('takes no folder without source code for a clean one', () => {
    mkdirSync(join(folder, 'docs'))
    writeFileSync(join(folder, 'docs', 'notes.txt'), 'LISTEN jobs\n')
    const { status, stdout, stderr } = run('docs')
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toBe(
      "pgbouncer-audit: there is no source code in 'docs': no file is of a kind that is read\n",
    )
    rmSync(join(folder, 'docs'), { recursive: true })
  })

  it('fails only from the given severity on', () => {
    writeFileSync(join(folder, 'warning.ts'), 'await pool.query("SET LOCAL lock_timeout = 1")\n')
    expect(run('warning.ts').status).toBe(3)
    expect(run('--fail-on', 'error', 'warning.ts').status).toBe(0)
    expect(run('--fail-on', 'never').status).toBe(0)
    rmSync(join(folder, 'warning.ts'))
  })

  it('prints SARIF that names each rule and place', () => {
    const log = JSON.parse(run('--format', 'sarif').stdout)
    expect(log.version).toBe('2.1.0')
    expect(log.runs[0].results[0]).toMatchObject({
      ruleId: 'PGB020',
      level: 'error',
      locations: [
        {
          physicalLocation: { artifactLocation: { uri: 'a.ts' }, region: { startLine: 1, startColumn: 21 } },
        },
      ],
    })
    expect(log.runs[0].tool.driver.rules.map((rule: { id: string }) => rule.id)).toContain('PGB020')
  })

  it('prints GitHub annotations', () => {
    expect(run('--format', 'github').stdout).toMatch(/^::error file=a\.ts,line=1,col=21,title=PGB020::/)
  })

  it('prints a page with date, scope, patterns and findings', () => {
    const { stdout } = run('--format', 'markdown')
    expect(stdout).toMatch(/\*\*Date:\*\* \d{4}-\d\d-\d\d/)
    expect(stdout).toContain('**Scope:**')
    expect(stdout).toContain('| PGB020 | LISTEN | 1 |')
    expect(stdout).toContain('| PGB020 | error | high | `a.ts:1` |')
  })

  it('leaves out what a baseline knows', () => {
    const baseline = join(folder, 'baseline.json')
    expect(run('--write-baseline', baseline).status).toBe(0)
    expect(run('--baseline', baseline).status).toBe(0)
  })

  it('takes the profile from flags and from pgbouncer.ini', () => {
    const ini = join(folder, 'pgbouncer.ini')
    writeFileSync(ini, '[pgbouncer]\npool_mode = transaction\nmax_prepared_statements = 7\n')
    const { profile } = JSON.parse(
      run('--json', '--pgbouncer-ini', ini, '--pgbouncer-version', '1.22').stdout,
    )
    expect(profile).toMatchObject({
      version: '1.22',
      poolMode: 'transaction',
      maxPreparedStatements: 7,
      source: 'pgbouncer.ini',
    })
  })

  it.each([
    [['missing'], /no file or folder 'missing'/],
    [['--format', 'xml'], /choices/i],
    [['--pgbouncer-version', 'new'], /must look like 1\.24/],
    [['--baseline', 'missing.json'], /cannot be read/],
    [['--write-baseline', 'missing/baseline.json'], /cannot be written/],
    [['--pgbouncer-ini', 'missing.ini'], /cannot be read/],
    [['--pgbouncer-console'], /PGBOUNCER_URL/],
  ])('refuses %o with one clear line and exit code 2', (args, message) => {
    const { status, stderr } = spawnSync(process.execPath, [CLI, ...args], {
      encoding: 'utf8',
      cwd: folder,
      env: { PATH: process.env['PATH'] },
    })
    expect(stderr).toMatch(message)
    expect(status).toBe(2)
  })
})
