import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { issue } from './pki.ts'

const ROUNDS = 6
const PROBES = 1600
/** A report takes some 5 KB, a connection some 50 KB: were they kept, rounds would cost 8 and 80 MB. */
const HEAP_TOLERANCE_BYTES = 3 << 20
const RSS_TOLERANCE_BYTES = 64 << 20

const root = issue({ subject: [['CN', 'Root']], ca: true })
const leaf = issue({ subject: [['CN', 'localhost']], issuer: root, dns: ['localhost'] })

interface Round {
  readonly fine: number
  readonly heapBytes: number
  readonly rssBytes: number
}

describe('memory', () => {
  const children: ChildProcess[] = []
  const rounds: Round[] = []

  function start(file: string, env: Record<string, string>): ChildProcess {
    const path = fileURLToPath(new URL(`memory/${file}`, import.meta.url))
    const child = spawn(process.execPath, ['--expose-gc', path], {
      env: { ...process.env, NODE_OPTIONS: '', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    children.push(child)
    return child
  }

  beforeAll(async () => {
    const server = start('tls-server.ts', { CERTIFICATE: leaf.pem, KEY: leaf.keyPem })
    const [port] = (await once(createInterface(server.stdout!), 'line')) as [string]
    const env = { PORT: port, CA: root.pem, ROUNDS: String(ROUNDS), PROBES: String(PROBES) }
    for await (const line of createInterface(start('probe-in-rounds.ts', env).stdout!))
      rounds.push(JSON.parse(line) as Round)
  }, 800_000)
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL')
  })

  it(`is flat over ${ROUNDS} rounds of ${PROBES} probes, of which some fail`, () => {
    expect(rounds.map((round) => round.fine)).toEqual(Array.from({ length: ROUNDS }, () => (PROBES * 7) / 8))
    // The first rounds fill caches and warm up the allocator.
    const [early, last] = [rounds[2]!, rounds.at(-1)!]
    expect(last.heapBytes - early.heapBytes).toBeLessThan(HEAP_TOLERANCE_BYTES)
    expect(last.rssBytes - early.rssBytes).toBeLessThan(RSS_TOLERANCE_BYTES)
  })
})
