import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { findPostgres, needs, startS3 } from '../src/index.ts'
import { processesWith, runFoldersOf } from './leftovers.ts'

const OWNER = fileURLToPath(new URL('fixtures/owner.ts', import.meta.url))

interface Owner {
  readonly process: ChildProcess
  /** What the names of its folders start with. */
  readonly prefix: string
  readonly pid: number
  readonly endpoint: string
}

async function startOwner(...servers: string[]): Promise<Owner> {
  const child = spawn(process.execPath, [OWNER, ...servers], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line]: unknown[] = await once(child.stdout, 'data')
  const { endpoint }: { endpoint: string } = JSON.parse(String(line))
  const pid = child.pid ?? 0
  expect(runFoldersOf(pid)).toHaveLength(1 + servers.length)
  return { process: child, pid, prefix: `ops-testbed-${pid}-`, endpoint }
}

/** What is still there of the owner's servers after a while; nothing as soon as there is nothing. */
async function leftOf(owner: Owner): Promise<string[]> {
  const deadline = Date.now() + 45_000
  for (;;) {
    const left = [...runFoldersOf(owner.pid), ...processesWith(owner.prefix).map(({ command }) => command)]
    if (left.length === 0 || Date.now() > deadline) return left
    await sleep(50)
  }
}

describe('servers whose owner ends without stopping them', () => {
  it('end and leave nothing behind when it is killed by SIGKILL', async (context) => {
    needs(context, findPostgres() !== undefined, 'PostgreSQL is not installed')
    const owner = await startOwner('postgres')
    expect(processesWith(owner.prefix).some(({ command }) => /bin\/postgres -D/.test(command))).toBe(true)
    owner.process.kill('SIGKILL')
    await once(owner.process, 'exit')
    expect(await leftOf(owner)).toEqual([])
    await expect(fetch(owner.endpoint)).rejects.toThrow('fetch failed')
  })

  it.each<[string, (owner: ChildProcess) => void]>([
    ['interrupted by SIGINT', (owner) => owner.kill('SIGINT')],
    ['terminated by SIGTERM', (owner) => owner.kill('SIGTERM')],
    ['calling process.exit', (owner) => owner.stdin?.write('exit\n')],
  ])('end and leave nothing behind when it ends by %s', async (_, end) => {
    const owner = await startOwner()
    end(owner.process)
    await once(owner.process, 'exit')
    expect(await leftOf(owner)).toEqual([])
    await expect(fetch(owner.endpoint)).rejects.toThrow('fetch failed')
  })

  it('are swept at the next start when their guards were killed too', async (context) => {
    needs(context, findPostgres() !== undefined, 'PostgreSQL is not installed')
    const owner = await startOwner('postgres')
    const guards = processesWith(owner.prefix).filter(({ command }) => command.includes('ops-testbed-guard'))
    for (const { pid } of guards) process.kill(pid, 'SIGKILL')
    owner.process.kill('SIGKILL')
    await once(owner.process, 'exit')
    expect(runFoldersOf(owner.pid)).toHaveLength(2)
    await using _next = await startS3()
    expect(await leftOf(owner)).toEqual([])
    await expect(fetch(owner.endpoint)).rejects.toThrow('fetch failed')
  })
})
