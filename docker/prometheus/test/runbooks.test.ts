import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  startPgBouncer,
  startPostgres,
  startTlsServer,
  type PgBouncer,
  type Postgres,
  type TlsServer,
} from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { installProgram } from '../../../docs/test/install-program.ts'
import { commands, readAlerts, readRuleTests, RUNBOOKS } from './read-alerts.ts'

const run = promisify(execFile)
const BINS = ['pg-backup', 'restore-verify', 's3-retention', 'cert-probe', 'pgbouncer-stats']
/** Done, and the exit codes that mean findings; 1 is a failure, 2 a command that is written wrongly. */
const RAN = [0, 3, 4]

const alerts = await readAlerts()
const pages = (await readdir(RUNBOOKS)).toSorted()
const texts = new Map(
  await Promise.all(pages.map(async (page) => [page, await readFile(join(RUNBOOKS, page), 'utf8')] as const)),
)
const ruleTests = await readRuleTests()

describe('an alert', () => {
  it.each(alerts.map(({ name, ...alert }) => ({ name, alert })))(
    '$name has a severity, a summary, a description, a runbook, and a test that makes it fire',
    ({ name, alert }) => {
      expect(alert.severity).toMatch(/^(warning|critical)$/)
      expect(alert.annotations).toEqual(['summary', 'description', 'runbook_url'])
      expect(pages).toContain(alert.runbook)
      expect(ruleTests).toContain(`{alertname="${name}"}`)
    },
  )
})

it('Alertmanager holds back only alerts that there are, for graver ones', async () => {
  const config = await readFile(new URL('../../alertmanager/alertmanager.yml', import.meta.url), 'utf8')
  const severityOf = (name: string): string | undefined => alerts.find((each) => each.name === name)?.severity
  const pairs = [
    ...config.matchAll(/source_matchers: \[alertname="(\w+)"\]\s+target_matchers: \[alertname="(\w+)"\]/g),
  ]
  expect(pairs).toHaveLength(config.split('source_matchers').length - 1)
  for (const [, source, target] of pairs) {
    expect(severityOf(source!)).toBe('critical')
    expect(severityOf(target!)).toMatch(/^(warning|critical)$/)
  }
})

it('every runbook belongs to an alert', () => {
  expect(pages).toEqual([...new Set(alerts.map(({ runbook }) => runbook!))].toSorted())
})

/** What starts like a command or a statement; to name a program, a view or a setting is no command. */
const COMMAND =
  /^(?:[A-Z]{4,} |RELOAD|psql |pg_isready|pg-backup |restore-verify |s3-retention |cert-probe |pgbouncer-stats |docker |journalctl )/

it.each(pages)('%s has commands, and none but those that are run', (page) => {
  const text = texts.get(page)!
  const runs = ['sql', 'pgbouncer', 'sh'].flatMap((language) => commands(text, language))
  expect(runs).not.toEqual([])
  // Where the blocks for PgBouncer are run.
  const known = new Set([...runs, 'psql "$PGBOUNCER_URL"'])
  const prose = text.replaceAll(/^```.*?^```/gms, '')
  const inProse = [...prose.matchAll(/`([^`]+)`/g)].map(([, code]) => code!)
  expect(inProse.filter((code) => COMMAND.test(code) && !known.has(code))).toEqual([])
})

describe('the commands in a runbook', () => {
  let server: Postgres
  let bouncer: PgBouncer
  let tls: TlsServer
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'runbooks-test-'))
    server = await startPostgres()
    await server.createDatabase('app')
    await server.query('CREATE TABLE orders AS SELECT i AS id FROM generate_series(1, 100) i', 'app')
    bouncer = await startPgBouncer({ postgres: server })
    await bouncer.query('SELECT 1', 'app')
    tls = await startTlsServer()
    await mkdir(join(folder, 'bin'))
    await mkdir(join(folder, 'store'))
    for (const bin of BINS) {
      const cli = fileURLToPath(new URL(`../../../packages/${bin}/src/cli.ts`, import.meta.url))
      await installProgram(join(folder, 'bin', bin), process.execPath, cli)
    }
    // The runbooks look at a system that has one backup.
    await shell('pg-backup create --dbname app')
  })

  afterAll(async () => {
    await Promise.all([bouncer?.stop(), tls?.stop()])
    await server?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  async function shell(command: string): Promise<number> {
    const env = {
      ...server.env('app'),
      HOME: folder,
      PATH: `${join(folder, 'bin')}:${process.env['PATH']}`,
      PGBOUNCER_URL: bouncer.adminUrl,
      OPS_STORE: `file://${join(folder, 'store')}`,
      OPS_RETENTION_POLICY: 'keep 30d',
    }
    try {
      await run('sh', ['-c', command.replace('localhost:5432', `${tls.host}:${tls.port}`)], { env })
      return 0
    } catch (error) {
      const { code, stderr } = error as { code: number; stderr: string }
      if (!RAN.includes(code)) throw new Error(`${command}: ${stderr}`, { cause: error })
      return code
    }
  }

  it.each(pages)('%s do what they say on real servers', async (page) => {
    const text = texts.get(page)!
    for (const statement of commands(text, 'sql')) await server.query(statement, 'app')
    for (const command of commands(text, 'pgbouncer')) await bouncer.admin(command)
    for (const command of commands(text, 'sh')) expect(RAN).toContain(await shell(command))
  })
})
