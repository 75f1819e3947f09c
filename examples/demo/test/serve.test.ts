import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { findPostgres, needs } from '@ops/testbed'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { StatusDocument } from '@ops/status-page'

const hasPostgres = findPostgres() !== undefined
const MAIN = join(import.meta.dirname, '../main.ts')

let demo: ChildProcess | undefined
let folder: string

beforeEach(async (context) => {
  needs(context, hasPostgres, 'PostgreSQL’s programs are not on this machine')
  folder = await mkdtemp(join(tmpdir(), 'demo-test-'))
  // The server’s own user passes through it.
  await chmod(folder, 0o755)
})

afterEach(async () => {
  if (demo?.exitCode === null && demo.signalCode === null) {
    demo.kill('SIGKILL')
    await once(demo, 'exit')
  }
  await rm(folder, { recursive: true, force: true })
})

it(
  'shows the backup and the drill on a status page until Ctrl-C, and leaves nothing behind',
  { timeout: 300_000 },
  async () => {
    demo = spawn(process.execPath, [MAIN, '--serve'], {
      env: { ...process.env, TMPDIR: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const exited = once(demo, 'exit')
    let said = ''
    const saying = demo.stderr!.setEncoding('utf8')
    const heard = async (words: RegExp): Promise<string> => {
      while (!words.test(said)) {
        if (demo!.exitCode !== null) throw new Error(`the demo ended:\n${said}`)
        await Promise.race([once(saying, 'data'), exited])
      }
      return words.exec(said)![1]!
    }
    saying.on('data', (text: string) => (said += text))

    const url = await heard(/(http:\/\/127\.0\.0\.1:\d+\/)/)
    await heard(/(until Ctrl-C)/)
    const status = (await (await fetch(`${url}api/v1/status`)).json()) as StatusDocument
    expect(status).toMatchObject({ state: 'ok', running: [] })
    const [backup] = status.databases[0]!.backups
    expect(backup).toMatchObject({ rows: 525_000, drill: { verdict: 'proven' } })
    expect(await (await fetch(url)).text()).toContain('All is well')
    expect(await (await fetch(`${url}drills/${backup!.id}`)).text()).toContain('<h1>Proven</h1>')

    demo.kill('SIGINT')
    expect(await exited).toEqual([0, null])
    await expect(fetch(url)).rejects.toThrow('fetch failed')
    expect((await readdir(folder)).filter((name) => existsSync(join(folder, name)))).toEqual([])
  },
)

it('Ctrl-C stops it and all that it started, and that is no failure', { timeout: 300_000 }, async () => {
  demo = spawn(process.execPath, [MAIN], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  const exited = once(demo, 'exit')
  const saying = demo.stderr!.setEncoding('utf8')
  let said = ''
  saying.on('data', (text: string) => (said += text))
  await Promise.race([once(saying, 'data'), exited])
  // As a terminal sends it: to initdb as well.
  process.kill(-demo.pid!, 'SIGINT')
  expect(await exited).toEqual([130, null])
  await finished(saying)
  expect(said).toMatch(/^Starting .*\nThe demo was stopped\.\n$/)
  expect((await readdir(folder)).filter((name) => existsSync(join(folder, name)))).toEqual([])
})

it('refuses a port that is none', async () => {
  demo = spawn(process.execPath, [MAIN, '--serve', '--port', '80800'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exited = once(demo, 'exit')
  let said = ''
  for await (const text of demo.stderr!.setEncoding('utf8')) said += text as string
  expect(await exited).toEqual([2, null])
  expect(said).toContain('--port 80800 is not a port')
})
