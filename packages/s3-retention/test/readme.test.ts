import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { createBackupFolder } from './backup-folder.ts'

const own = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

const readme = await readFile(own('README.md'), 'utf8')

/** Arguments by which Node.js takes it to be another time: the README's days do not move on. */
function clockAt(time: string): string[] {
  const program = `
    const ahead = Date.now() - Date.parse('${time}')
    const { now } = Date
    globalThis.Date = class extends Date {
      static now = () => now() - ahead
      constructor(...args) { super(...(args.length > 0 ? args : [now() - ahead])) }
    }`
  return ['--import', `data:text/javascript,${encodeURIComponent(program)}`]
}

it("runs the README's example, on a folder", async () => {
  await using folder = await createBackupFolder()
  for (let age = 0; age < 5; age += 1) await folder.writeSet(new Date(Date.now() - age * 86_400_000 - 60_000))
  const [, example] = /```ts\n([\s\S]*?)```/.exec(readme)!
  const program = example!
    .replace('s3://backups/postgres?region=eu-central-1', `file://${folder.path}`)
    .replace('last=3,daily=7,weekly=4,monthly=12', 'last=3')
    .replace("'@ops/s3-retention'", `'${own('src/index.ts')}'`)
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module-typescript', '--eval', program],
    { cwd: own('') },
  )
  expect(stdout).toContain('2 deleted, 0 failed')
  expect(await folder.keys()).toHaveLength(9)
})

it('prints the plan that the README shows', async () => {
  await using folder = await createBackupFolder()
  for (const day of ['2026-11-21', '2026-11-20', '2026-11-19'])
    await folder.writeSet(new Date(`${day}T02:00:00Z`))
  const [, command, shown] = /```\n\$ s3-retention (.*)\n([\s\S]*?)```/.exec(readme)!
  const args = command!.replace('file:///var/backups/postgres', `file://${folder.path}`).split(' ')
  const run = [...clockAt('2026-11-21T12:00:00Z'), own('src/cli.ts'), ...args]
  const { stdout } = await promisify(execFile)(process.execPath, run)
  expect(stdout).toBe(shown)
})
