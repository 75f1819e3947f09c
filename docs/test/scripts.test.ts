import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { listBackups } from '@ops/pg-backup'
import { readRecord } from '@ops/restore-verify'
import { openStore } from '@ops/object-store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { startMachine, type Machine } from './machine.ts'

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const example = (name: string): Promise<string> => readFile(root(`examples/scripts/${name}`), 'utf8')

/** A drill starts a server; on a machine with much to do that takes its time. */
const TIMEOUT_MS = 300_000

let machine: Machine
beforeAll(async () => {
  machine = await startMachine({ sql: 'CREATE TABLE people AS SELECT generate_series(1, 42) AS id' })
})
afterAll(() => machine?.[Symbol.asyncDispose]())

/** The backups of `app` that there are, and how many of them a drill has proven. */
async function found(): Promise<{ backups: number; proven: number }> {
  await using store = await openStore(`file://${machine.root}/var/backups/postgres`)
  const backups = await listBackups({ store, cluster: 'main', database: 'app' })
  const records = await Promise.all(backups.map((backup) => readRecord(store, backup)))
  return { backups: backups.length, proven: records.filter((each) => each?.verdict === 'proven').length }
}

async function exitCode(command: string): Promise<number> {
  return Number(await machine.shell(`code=0; ${command} >&2 || code=$?; echo $code`))
}

interface CronJob {
  readonly times: readonly string[]
  readonly command: string
}

/** A file of /etc/cron.d: variables, and lines of five fields, a user and a command. */
function readCrontab(text: string): { env: Record<string, string>; jobs: CronJob[] } {
  const env: Record<string, string> = {}
  const jobs: CronJob[] = []
  for (const line of text.split('\n').map((each) => each.trim())) {
    if (line === '' || line.startsWith('#')) continue
    const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(line) ?? []
    if (name !== undefined) env[name] = value!
    else {
      const [, times, command] = /^((?:[\d*]+\s+){5})[a-z]+\s+(.*)$/.exec(line)!
      jobs.push({ times: times!.trim().split(/\s+/), command: command! })
    }
  }
  return { env, jobs }
}

it('every line of the crontab does its job', { timeout: TIMEOUT_MS }, async () => {
  await machine.reset()
  const { env, jobs } = readCrontab(await example('ops-backup.crontab'))
  const { PATH: _theirs, ...variables } = env
  expect(jobs).toHaveLength(3)
  for (const { command } of jobs) {
    // In a crontab a percent sign is the end of the command.
    expect(command).not.toContain('%')
    expect(await machine.shell(command, { env: variables })).toBe('')
  }
  expect(await found()).toEqual({ backups: 2, proven: 1 })
})

/** `[section, key, value]` of each line of a unit. */
function readUnit(text: string): [string, string, string][] {
  let section = ''
  return text.split('\n').flatMap((line): [string, string, string][] => {
    if (line === '' || line.startsWith('#')) return []
    const [, heading] = /^\[(Unit|Service|Timer|Install)\]$/.exec(line) ?? []
    if (heading !== undefined) {
      section = heading
      return []
    }
    const [, key, value] = /^([A-Z][A-Za-z]+)=(.+)$/.exec(line)!
    return [[section, key!, value!]]
  })
}

describe.each(['ops-backup', 'ops-drill'])('%s.service', (unit) => {
  it('runs commands that do their job', { timeout: TIMEOUT_MS }, async () => {
    await machine.reset()
    const lines = readUnit(await example(`${unit}.service`))
    const value = (key: string): string | undefined => lines.find(([, name]) => name === key)?.[2]
    expect(value('Type')).toBe('oneshot')
    expect(value('EnvironmentFile')).toBe('/etc/ops/backup.env')
    const env = Object.fromEntries(
      (await example('ops-backup.env')).split('\n').flatMap((line) => {
        const [, name, text] = /^([A-Z_]+)=(.*)$/.exec(line) ?? []
        return name === undefined ? [] : [[name, text!]]
      }),
    )
    const commands = lines.filter(([, key]) => key === 'ExecStart').map(([, , command]) => command)
    // Otherwise systemd would put something else there.
    expect(commands.join('')).not.toMatch(/[%$]/)
    for (const command of commands) await machine.shell(command, { env })
    expect(await found()).toEqual(
      unit === 'ops-drill' ? { backups: 1, proven: 1 } : { backups: 2, proven: 0 },
    )
    // The service may write where the store is.
    expect(value('ReadWritePaths')).toBe(env['OPS_STORE']!.replace('file://', ''))
  })

  it('has a timer that catches up', async () => {
    const lines = readUnit(await example(`${unit}.timer`))
    expect(lines).toContainEqual(['Timer', 'Persistent', 'true'])
    expect(lines).toContainEqual(['Install', 'WantedBy', 'timers.target'])
    const [, , calendar] = lines.find(([, key]) => key === 'OnCalendar')!
    expect(calendar).toMatch(/^(?:[A-Z][a-z]{2} )?\*-\*-\* \d\d:\d\d:\d\d UTC$/)
  })
})

interface Workflow {
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly env: Readonly<Record<string, string>>
        readonly steps: readonly { readonly name?: string; readonly run?: string }[]
      }
    >
  >
}

describe('the GitHub Action', () => {
  it('installs packages of ours by their names', async () => {
    const { jobs } = parse(await example('restore-drill.workflow.yml')) as Workflow
    const install = jobs['drill']!.steps.find(({ name }) => name === 'Install the commands')!.run!
    const folders = await readdir(root('packages'))
    for (const [, name] of install.matchAll(/@ops\/(\S+)/g)) expect(folders).toContain(name)
  })

  it('drills with commands that work', { timeout: TIMEOUT_MS }, async () => {
    await machine.reset()
    const { jobs } = parse(await example('restore-drill.workflow.yml')) as Workflow
    const { env, steps } = jobs['drill']!
    expect(Object.keys(env)).toEqual(['OPS_STORE', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'])
    const commands = steps.flatMap(({ name, run }) =>
      run === undefined || name!.startsWith('Install') ? [] : [run],
    )
    expect(commands).toHaveLength(3)
    await machine.shell('pg-backup create --dbname app --store s3://backups --quiet')
    const summary = join(machine.root, 'home/summary.md')
    for (const command of commands)
      await machine.shell(command, { env: { OPS_STORE: 's3://backups', GITHUB_STEP_SUMMARY: summary } })
    expect(await readFile(summary, 'utf8')).toContain('Proven')
    expect(await readFile(join(machine.root, 'home/drill.xml'), 'utf8')).toContain('<testsuite')
  })
})

describe('docker/scripts', { timeout: TIMEOUT_MS }, () => {
  it('backup-postgres.sh takes a backup, and removes what is too old', async () => {
    await machine.reset()
    await machine.shell(`"${root('docker/scripts/backup-postgres.sh')}" app`)
    expect(await found()).toEqual({ backups: 2, proven: 0 })
    await machine.shell(`OPS_RETENTION_POLICY=last=2 "${root('docker/scripts/backup-postgres.sh')}" app`)
    expect(await found()).toEqual({ backups: 2, proven: 0 })
  })

  it('test-restore.sh proves the latest backup', async () => {
    await machine.reset()
    await machine.shell(`"${root('docker/scripts/test-restore.sh')}" app`)
    expect(await found()).toEqual({ backups: 1, proven: 1 })
    expect(await readFile(join(machine.root, 'home/restore-of-app.html'), 'utf8')).toContain('Proven')
  })

  it('test-restore.sh ends with 3 when the backup is not good', async () => {
    await machine.reset()
    await machine.shell(`cd /var/backups/postgres/main/logical/app/*/ && truncate --size=-1 dump.pgc.zst`)
    expect(await exitCode(`"${root('docker/scripts/test-restore.sh')}" app`)).toBe(3)
  })

  it.each(['backup-postgres.sh', 'test-restore.sh'])('%s wants one database', async (script) => {
    expect(await exitCode(`"${root('docker/scripts')}/${script}"`)).toBe(2)
  })
})
