import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import {
  createServerCertificate,
  hasTerminal,
  needs,
  startOnTerminal,
  startPostgres,
  type Postgres,
} from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'

// A drill starts a server; on a machine with much to do that takes its time.
vi.setConfig({ testTimeout: 300_000 })

const PROJECT = join(import.meta.dirname, '../../..')

let server: Postgres
/** The bins are on PATH in `bin`, and everything else is the user's. */
let home: string

beforeAll(async () => {
  ;[server, home] = await Promise.all([startPostgres(), mkdtemp(join(tmpdir(), 'three-commands-'))])
  await server.createDatabase('app')
  await server.query('CREATE TABLE people AS SELECT generate_series(1, 500) AS id', 'app')
  await mkdir(join(home, 'bin'))
  for (const name of ['pg-backup', 'restore-verify', 's3-retention', 'cert-probe']) {
    const program = join(PROJECT, 'packages', name, 'dist/cli.js')
    const shim = `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`
    await writeFile(join(home, 'bin', name), shim, { mode: 0o755 })
  }
})

afterAll(async () => {
  await server?.stop()
  await rm(home, { recursive: true, force: true })
})

const CLEAR = '\r\u001B[2K'

interface Shown {
  readonly code: number
  /** What the terminal had, line by line, without colours. */
  readonly screen: string
  /** Every state of the line that is rewritten. */
  readonly progress: readonly string[]
  /** The command that it says comes next. */
  readonly next: string | undefined
}

async function onTerminal(command: string, columns = 200): Promise<Shown> {
  await writeFile(join(home, 'typed.sh'), `cd "$HOME" && ${command}\n`)
  await using terminal = startOnTerminal(`sh '${join(home, 'typed.sh')}'`, columns, {
    HOME: home,
    PATH: [join(home, 'bin'), server.binFolder, process.env['PATH']].join(delimiter),
    DATABASE_URL: server.url('app'),
  })
  const code = await terminal.ended
  const screen = stripVTControlCharacters(terminal.screen.replaceAll(CLEAR, '\n')).replaceAll('\r', '')
  // It is cleared before what comes after it, which is no state of it.
  const progress = terminal.screen.split(CLEAR).slice(1, -1)
  return { code, screen, progress, next: /^next: .*\n {2}(.*)$/m.exec(screen)?.[1] }
}

/** The commands for one's own database, as they stand on the front page; its folder is a temporary one here. */
async function commandsOfFrontPage(): Promise<string[]> {
  const readme = await readFile(join(PROJECT, 'README.md'), 'utf8')
  const [, block] = /## Your own database\n[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme)!
  return block!.trim().replaceAll('/var/backups/postgres', `${home}/backups`).split('\n')
}

it('the README leads to a proven backup of your own database, and each command to the next', async (context) => {
  needs(context, hasTerminal(), "there is no util-linux's script on this machine")
  const [make, create, drill, ...others] = await commandsOfFrontPage()
  expect(others).toEqual([])
  expect((await onTerminal(make!)).code).toBe(0)

  const created = await onTerminal(create!)
  expect(created.screen).toContain('backed up "app": 1 tables, 500 rows')
  // What to do next is what the README says too, with what the user has.
  expect([created.code, created.next]).toEqual([0, drill])

  const proven = await onTerminal(created.next!)
  expect(proven.screen).toMatch(/^proven: backup \S+ of "app": 500 rows in 1 tables/m)
  expect(proven.screen).toContain('report written to drill.html')
  expect([proven.code, await readFile(join(home, 'drill.html'), 'utf8')]).toEqual([
    0,
    expect.stringContaining('500') as string,
  ])

  const planned = await onTerminal(proven.next!)
  expect(planned.screen).toMatch(/^keep +\S+ .*\n\nkeep 1 \(.*\), remove 0/m)
  expect([planned.code, planned.next]).toEqual([0, expect.stringMatching(/^s3-retention apply .* --quiet$/)])

  // What cron is to do says nothing.
  expect(await onTerminal(planned.next!)).toEqual({
    code: 0,
    screen: '',
    progress: [],
    next: undefined,
  })
})

it('no password is in what comes next, and nothing comes next for cron and programs', async (context) => {
  needs(context, hasTerminal(), "there is no util-linux's script on this machine")
  await mkdir(join(home, 'backups'), { recursive: true })
  const create = `pg-backup create --store file://${home}/backups`
  const { screen } = await onTerminal(create)
  expect(screen).toContain('next: ')
  expect(screen).not.toContain(server.password)
  for (const flag of ['--quiet', '--json']) {
    const { code, screen: shown } = await onTerminal(`${create} ${flag}`)
    expect([code, shown.includes('next:')]).toEqual([0, false])
  }
})

describe('the progress line', () => {
  /** What a bin can be doing: one vocabulary. */
  const DOING =
    'connecting|dumping|publishing|checking( that nothing has changed)?|unpacking|restoring|building indexes and constraints|starting the target|digesting what came back|comparing|inspecting indexes and constraints|cleaning up|listing|reading|deleting|probing'
  const AMOUNT = String.raw`[\d,.]+( [KMGT]?i?B)?`
  const DURATION = String.raw`~\d[\d.]* (ms|s|min|h|d)( \d+ (s|min|h))?`
  /** What, how far, how long still, how much, how fast, and what else; a narrow terminal has the beginning of it. */
  const LAYOUT = new RegExp(
    `^(${DOING})(  ~?\\d+ %)?(  ${DURATION} left)?(  ${AMOUNT}( of ~?${AMOUNT})?( (objects|manifests|items|targets))?)?(  ${AMOUNT}/s)?(  ${AMOUNT} rows)?(  table \\d+(/\\d+)?( \\S+)?)?(  ${AMOUNT}( stored)?)?$`,
  )

  it.for([{ columns: 160 }, { columns: 44 }])(
    'is the same in every bin, and fits $columns columns',
    async ({ columns }, context) => {
      needs(context, hasTerminal(), "there is no util-linux's script on this machine")
      const folder = join(home, `store-${columns}`)
      await mkdir(folder)
      await writeFile(join(home, 'server.pem'), (await createServerCertificate()).leaf.certificate)
      const store = `--store file://${folder}`
      const restored = `restored_${columns}`
      for (const command of [
        `pg-backup create ${store}`,
        `pg-backup check latest --of app ${store}`,
        `pg-backup restore latest --of app ${store} --dbname ${restored} --create`,
        `restore-verify run --of app ${store}`,
        `s3-retention apply ${store} --policy last=1 --apply`,
        `cert-probe check server.pem || true`,
      ]) {
        const { code, progress } = await onTerminal(command, columns)
        expect([command, code]).toEqual([command, 0])
        expect([command, ...progress]).not.toEqual([command])
        expect(progress.filter((line) => !LAYOUT.test(line) || line.length >= columns)).toEqual([])
      }
    },
  )
})

it('tables fit a terminal of 80 columns, and ids are whole', async (context) => {
  needs(context, hasTerminal(), "there is no util-linux's script on this machine")
  const folder = join(home, 'store-160')
  const store = `--store file://${folder}`
  for (const command of [
    `pg-backup list ${store}`,
    `s3-retention plan ${store} --policy last=1`,
    `restore-verify history --of app ${store}`,
  ]) {
    const { code, screen } = await onTerminal(command, 80)
    expect([command, code]).toEqual([command, 0])
    expect(screen).toMatch(/\d{8}T\d{6}Z-[0-9a-z]{6}/)
    const [, table] = /^((?:.*(?:ID|ITEM|BACKUP) .*)\n(?:\S.*\n)+)/m.exec(screen)!
    for (const line of table!.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  }
})
