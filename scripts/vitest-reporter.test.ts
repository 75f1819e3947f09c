import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const VITEST = join(import.meta.dirname, '..', 'node_modules', 'vitest', 'vitest.mjs')
const FILE = 'fixture.test.mjs'
const REPORTER = join(import.meta.dirname, 'vitest-reporter.ts')

describe('the reporter of test runs', { timeout: 60_000 }, () => {
  it('accepts skips that say why, and prints the reason', () => {
    const run = runTests(`
      it('passes', () => {})
      it('needs a server', (context) => context.skip('PgBouncer not found'))`)
    expect(run).toMatchObject({ exitCode: 0, counts: `1 0 ${FILE}\n0 0 -\n` })
    expect(run.stderr).toContain('needs a server: PgBouncer not found')
  })

  it('fails a run in which a test is skipped without a reason', () => {
    const run = runTests(`
      it('passes', () => {})
      it.skip('off', () => {})
      it('bare', (context) => context.skip())
      describe.skip('part', () => { it('is off too', () => {}) })`)
    expect(run).toMatchObject({ exitCode: 1, counts: `1 0 ${FILE}\n0 3 -\n` })
    expect(run.stderr).toContain('bare: WITHOUT A REASON')
    expect(run.stderr).toContain('part > is off too: WITHOUT A REASON')
  })

  it('lets a run be narrowed to a name', () => {
    const run = runTests(`it('one', () => {}); it('other', () => {})`, '-t', 'one')
    expect(run).toMatchObject({ exitCode: 0, counts: `1 0 ${FILE}\n0 0 -\n` })
  })

  it('counts failures of tests, hooks, and of no test in particular', () => {
    const run = runTests(`
      it('fails', () => { expect(1).toBe(2) })
      describe('hook', () => {
        beforeAll(() => { throw new Error('no server') })
        it('never runs', () => {})
      })
      it('leaks', async () => {
        setTimeout(() => { throw new Error('late') }, 1)
        await new Promise((resolve) => setTimeout(resolve, 50))
      })`)
    expect(run).toMatchObject({ exitCode: 1, counts: `1 2 ${FILE}\n0 1 -\n` })
    expect(run.stderr).not.toContain('WITHOUT A REASON')
  })

  it('counts a file that cannot be loaded', () => {
    expect(runTests(`import './missing.mjs'`)).toMatchObject({ exitCode: 1, counts: `0 1 ${FILE}\n0 0 -\n` })
  })
})

/** Runs vitest for real, on a project of one test file. */
function runTests(
  source: string,
  ...args: string[]
): { exitCode: number | null; counts: string; stderr: string } {
  const folder = mkdtempSync(join(tmpdir(), 'ops-reporter-'))
  try {
    writeFileSync(join(folder, FILE), source)
    const counts = join(folder, 'counts')
    const run = spawnSync(
      process.execPath,
      [VITEST, 'run', '--root', folder, '--globals', '--reporter', REPORTER, ...args],
      { encoding: 'utf8', env: { ...process.env, OPS_TEST_COUNTS: counts, NO_COLOR: '1' } },
    )
    return { exitCode: run.status, counts: readFileSync(counts, 'utf8'), stderr: run.stderr }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
