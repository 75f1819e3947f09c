import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { startProgramGroup } from './index.ts'

/** A shell with a child, both of which say who they are. */
const FAMILY = ['-c', 'sleep 600 & echo "$$ $!"; wait']

async function pidsOf(stdout: NodeJS.ReadableStream): Promise<number[]> {
  const [chunk] = (await once(stdout, 'data')) as [Buffer]
  return String(chunk).trim().split(' ').map(Number)
}

/** Those of the processes that run; one that ended, and that nobody has asked about yet, does not. */
async function alive(pids: readonly number[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,stat='])
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([pid, state]) => pids.includes(Number(pid)) && state?.startsWith('Z') === false)
    .map(([pid]) => pid!)
}

async function gone(pids: readonly number[]): Promise<void> {
  while ((await alive(pids)).length > 0) await sleep(10)
}

describe('a group of processes', () => {
  it('ends as a whole', async () => {
    const group = startProgramGroup('sh', { args: FAMILY })
    const pids = await pidsOf(group.stdout)
    await group.kill()
    await gone(pids)
    await expect(group.exited).rejects.toMatchObject({ endedBy: 'SIGTERM' })
  })

  it('ends while it is paused, on an abort', async () => {
    const controller = new AbortController()
    const group = startProgramGroup('sh', { args: FAMILY, signal: controller.signal })
    const pids = await pidsOf(group.stdout)
    group.pause()
    controller.abort(new Error('enough'))
    await expect(group.exited).rejects.toThrow('enough')
    await gone(pids)
  })

  it('goes on after a pause', async () => {
    const group = startProgramGroup('sh', { args: ['-c', 'echo begun; read -r line; echo "$line"'] })
    await once(group.stdout, 'data')
    group.pause()
    group.resume()
    group.stdin.end('done\n')
    const [chunk] = (await once(group.stdout, 'data')) as [Buffer]
    expect(String(chunk)).toBe('done\n')
    await group.exited
  })

  it('is killed when the process that started it is, even while it is paused', async () => {
    const library = fileURLToPath(new URL('index.ts', import.meta.url))
    const script = `
      import { startProgramGroup } from ${JSON.stringify(library)}
      const group = startProgramGroup('sh', { args: ${JSON.stringify(FAMILY)} })
      group.stdout.once('data', (pids) => { group.pause(); process.stdout.write(pids) })`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script])
    const pids = await pidsOf(parent.stdout)
    expect(await alive(pids)).toHaveLength(2)
    parent.kill('SIGKILL')
    await gone(pids)
  })
})
