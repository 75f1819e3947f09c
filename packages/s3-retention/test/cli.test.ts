import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkJson } from '@ops/internal-cli/check-json'
import { describe, expect, it } from 'vitest'
import { createBackupFolder, type BackupFolder } from './backup-folder.ts'

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url))
const DAY_MS = 86_400_000

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const outcome = await start(args, env).ended
  checkJson('s3-retention', args, outcome.stdout)
  return outcome
}

function start(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): { readonly child: ChildProcess; readonly ended: Promise<Outcome> } {
  const child = spawn(process.execPath, [CLI, ...args], { env: { PATH: process.env['PATH'], ...env } })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  const ended = new Promise<Outcome>((resolve) => child.once('close', (code) => resolve({ code, ...output })))
  return { child, ended }
}

/** Sets of the last days, counted from now, as the command line has no other clock. */
async function writeRecent(folder: BackupFolder, ages: readonly number[]): Promise<string[]> {
  const sets: string[] = []
  for (const age of ages) sets.push(await folder.writeSet(new Date(Date.now() - age * DAY_MS - 1000)))
  return sets
}

describe('s3-retention', () => {
  it('shows the plan, and deletes nothing without --apply', async () => {
    await using folder = await createBackupFolder()
    await writeRecent(folder, [0, 1, 2, 3])
    const before = await folder.keys()
    for (const command of ['plan', 'apply']) {
      const { code, stdout, stderr } = await run([
        command,
        '--store',
        `file://${folder.path}`,
        '--policy',
        'last=2',
      ])
      expect(code).toBe(0)
      expect(stdout).toContain('keep 2 (')
      expect(stdout).toMatch(/REMOVE .* last: older than the last 2\n/)
      expect(stderr).toContain('nothing was deleted')
    }
    expect(await folder.keys()).toEqual(before)
  })

  it('deletes with --apply, and takes its settings from the environment', async () => {
    await using folder = await createBackupFolder()
    const sets = await writeRecent(folder, [0, 1, 2, 3])
    const env = { OPS_STORE: `file://${folder.path}`, OPS_RETENTION_POLICY: 'last=2' }
    const { code, stdout, stderr } = await run(['apply', '--apply', '--json'], env)
    expect(code).toBe(0)
    expect(stderr).toContain('deleted 2 (')
    const { result } = JSON.parse(stdout)
    expect(result.items.map((item: { id: string }) => item.id).toSorted()).toEqual(sets.slice(2).toSorted())
    expect(await folder.keys()).toHaveLength(6)
  })

  it('refuses more than half, and says how to allow it', async () => {
    await using folder = await createBackupFolder()
    await writeRecent(folder, [0, 1, 2, 3])
    const args = ['apply', '--apply', '--store', `file://${folder.path}`, '--policy', 'last=1']
    const refused = await run(args)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('the plan removes 3 of 4 items, and one run may remove 2 (50 %)')
    expect(await folder.keys()).toHaveLength(12)
    expect((await run([...args, '--max-delete', '75%'])).code).toBe(0)
    expect(await folder.keys()).toHaveLength(3)
  })

  it('ends with 3 when there is a gap, and says since when', async () => {
    await using folder = await createBackupFolder()
    await writeRecent(folder, [0, 3, 4])
    const { code, stdout } = await run(['gaps', '--store', `file://${folder.path}`])
    expect(code).toBe(3)
    expect(stdout).toMatch(
      /gap: main\/logical\/app has no good item for 2 days, .* to .*; the last good one before is of /,
    )
    const { code: quiet, stdout: none } = await run([
      'gaps',
      '--store',
      `file://${folder.path}`,
      '--gap-period',
      'week',
      '--gap-periods',
      '1',
    ])
    expect([quiet, none]).toEqual([0, 'no gap: every week of the last 1 has a good item\n'])
  })

  it('explains one item, by its folder or by any of its objects', async () => {
    await using folder = await createBackupFolder()
    const [newest, old] = await writeRecent(folder, [0, 1])
    const args = ['--store', `file://${folder.path}`, '--policy', 'last=1']
    const kept = await run(['explain', `${newest}/`, ...args])
    expect(kept.stdout).toContain(`${newest} is kept:\n  - last snapshot\n`)
    const removed = await run(['explain', `${old}/manifest.json`, ...args])
    expect(removed.stdout).toContain(`${old} is removed:\n  - last: older than the last 1\n`)
    const unknown = await run(['explain', 'nope', ...args])
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('there is no item "nope"')])
  })

  it('sweeps sets without a manifest that are older than the grace period', async () => {
    await using folder = await createBackupFolder()
    const [, orphan] = [
      await writeRecent(folder, [0]),
      await folder.writeSet(new Date(Date.now() - 5 * DAY_MS), { manifest: false }),
    ]
    const young = await folder.writeSet(new Date(Date.now() - DAY_MS), { manifest: false })
    const args = ['sweep', '--store', `file://${folder.path}`]
    expect((await run(args)).stdout).toContain(`set without a manifest: ${orphan} `)
    expect(await folder.keys()).toHaveLength(7)
    expect((await run([...args, '--apply'])).code).toBe(0)
    expect((await folder.keys()).filter((key) => key.startsWith(orphan))).toEqual([])
    expect((await folder.keys()).filter((key) => key.startsWith(young))).toHaveLength(2)
  })

  it('plans dated objects by a pattern in their keys, group by group', async () => {
    await using folder = await createBackupFolder()
    for (const day of ['01', '02', '03']) {
      await folder.write(`exports/a/dump-2026-10-${day}.csv`, 'x')
      await folder.write(`exports/b/dump-2026-10-${day}.csv`, 'x')
    }
    const args = [
      'plan',
      '--objects',
      '--time-pattern',
      '%Y-%m-%d',
      '--policy',
      'last=2',
      '--store',
      `file://${folder.path}`,
      '--json',
    ]
    const plan = JSON.parse((await run(args)).stdout)
    const removed = plan.decisions.filter(({ keep }: { keep: boolean }) => !keep)
    expect(removed.map(({ item }: { item: { id: string; time: string } }) => [item.id, item.time])).toEqual([
      ['exports/a/dump-2026-10-01.csv', '2026-10-01T00:00:00.000Z'],
      ['exports/b/dump-2026-10-01.csv', '2026-10-01T00:00:00.000Z'],
    ])
  })

  it.each([
    ['a negative count', ['--policy', 'daily=-3'], 2, 'daily: -3 is not a whole number of 0 or more'],
    [
      'an unknown unit',
      ['--policy', 'keep 30x'],
      2,
      'has the unknown unit "x": ages are in days (30d) or weeks (4w)',
    ],
    ['no unit', ['--policy', 'keep 30'], 2, '"30" has no unit'],
    ['an unknown rule', ['--policy', 'fortnightly=2'], 2, '"fortnightly" is not a rule'],
    ['an empty policy', ['--policy', 'daily=0'], 2, 'the policy has no rule that keeps anything'],
    [
      'an unknown zone',
      ['--policy', 'last=1', '--time-zone', 'Mars/Olympus'],
      2,
      '"Mars/Olympus" is not a time zone',
    ],
    [
      'a prefix that matches nothing',
      ['--policy', 'last=1', '--prefix', 'nope'],
      1,
      'there is nothing under "nope"',
    ],
    [
      'a share that is none',
      ['--policy', 'last=1', '--gap-period', 'day'],
      2,
      '--gap-period needs --gap-periods',
    ],
  ])('says in one line what is wrong with %s', async (_, args, code, message) => {
    await using folder = await createBackupFolder()
    await writeRecent(folder, [0])
    const outcome = await run(['plan', '--store', `file://${folder.path}`, ...args])
    expect(outcome.stderr).toContain(message)
    expect(outcome.stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(outcome.code).toBe(code)
    expect(await folder.keys()).toHaveLength(3)
  })

  it('refuses a policy that would keep nothing, whatever it is told to do', async () => {
    await using folder = await createBackupFolder()
    await writeRecent(folder, [40, 41, 42])
    for (const command of [['plan'], ['apply', '--apply', '--max-delete', '100%'], ['explain', 'x']]) {
      const args = ['--store', `file://${folder.path}`, '--policy', 'keep 30d']
      const { code, stdout, stderr } = await run([...command, ...args])
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(
        /the policy "keep 30d" would keep nothing at all; nothing was deleted\. .*\[RETENTION_POLICY_KEEPS_NOTHING\]\n$/,
      )
    }
    expect(await folder.keys()).toHaveLength(9)
  })

  it('looks for no gaps in a group that is retired', async () => {
    await using folder = await createBackupFolder()
    await writeRecent(folder, [0, 1, 2])
    await folder.writeSet(new Date(Date.now() - 60 * DAY_MS), { database: 'renamed' })
    const args = ['--store', `file://${folder.path}`, '--policy', 'daily=3']
    expect((await run(['plan', ...args])).code).toBe(3)
    for (const command of ['plan', 'gaps']) {
      const { code, stdout } = await run([command, ...args, '--retired-after-days', '30'])
      expect(stdout).toContain(
        'retired: main/logical/renamed is not looked at for gaps; its last good item is of ',
      )
      expect(code).toBe(0)
    }
  })

  it('locks nothing in a folder', async () => {
    await using folder = await createBackupFolder()
    await writeRecent(folder, [0])
    const { code, stderr } = await run([
      'lock',
      '--apply',
      '--for',
      '30d',
      '--store',
      `file://${folder.path}`,
    ])
    expect(code).toBe(2)
    expect(stderr).toContain('cannot lock anything: Object Lock is a thing of S3 buckets')
  })

  it('lists its commands, and refuses one that it does not have', async () => {
    const help = await run(['--help'])
    expect(help.code).toBe(0)
    for (const command of ['plan', 'apply', 'gaps', 'explain', 'sweep', 'lock'])
      expect(help.stdout).toMatch(new RegExp(`^  ${command} `, 'm'))
    const { code, stdout, stderr } = await run(['plann'])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain("s3-retention: unknown command 'plann'")
  })

  it('does not obey control characters in keys', async () => {
    await using folder = await createBackupFolder()
    await folder.write('logs/\u001B[2Jx', 'x')
    const { stdout } = await run([
      'plan',
      '--objects',
      '--policy',
      'last=1',
      '--store',
      `file://${folder.path}`,
    ])
    expect(stdout).toContain('␛[2Jx')
    expect(stdout).not.toContain('\u001B')
  })

  it('ends, after it was killed while it deleted, where one clean run would have', async () => {
    await using folder = await createBackupFolder()
    const sets: string[] = []
    for (let age = 0; age < 60; age += 1)
      sets.push(await folder.writeSet(new Date(Date.now() - age * 3_600_000 - 1000)))
    const args = ['apply', '--apply', '--store', `file://${folder.path}`, '--policy', 'last=30']
    const child = spawn(process.execPath, [CLI, ...args], { stdio: 'ignore' })
    const ended = new Promise((resolve) => child.once('close', resolve))
    // Manifests go first, so from now on there are sets that are half deleted.
    const aManifest = join(folder.path, sets[30]!, 'manifest.json')
    while (existsSync(aManifest) && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 1))
    child.kill('SIGKILL')
    await ended
    expect((await run(args)).code).toBe(0)
    const kept = sets
      .slice(0, 30)
      .flatMap((set) => ['dump.pgc.zst', 'globals.sql.zst', 'manifest.json'].map((name) => `${set}/${name}`))
    expect(await folder.keys()).toEqual(kept.toSorted())
  })

  it('stops at once when it is interrupted, and says so', async () => {
    const asked = Promise.withResolvers<void>()
    // A server that takes requests and never answers.
    await using server = createServer(() => asked.resolve())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const store = `s3://bucket?region=us-east-1&endpoint=http://127.0.0.1:${port}`
    const env = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' }
    const args = ['apply', '--apply', '--store', store, '--policy', 'last=1']
    const running = start(args, env)
    await asked.promise
    running.child.kill('SIGINT')
    const { code, stdout, stderr } = await running.ended
    server.closeAllConnections()
    expect([code, stdout, stderr]).toEqual([130, '', 's3-retention: stopped by SIGINT\n'])
  })
})
