import { mkdtemp, readdir, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import * as fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ProgramError, startBlockProgram, type BlockProgram } from './index.ts'

const KIB = 1024
/** What the pipe holds in its blocks at most. */
const ROOM_BYTES = 4 * 512 * KIB

/** Each byte is its own place modulo 251. Also the child's code. */
function expected(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length; at++) bytes[at] = at % 251
  return bytes
}

/** A child that writes so many bytes. */
function counting(length: number, onBytes: (bytes: Buffer) => void = () => undefined): Promise<BlockProgram> {
  const script = `process.stdout.write((${expected.toString()})(${length}))`
  return startBlockProgram(process.execPath, { args: ['-e', script], onBytes })
}

async function read({ blocks, exited }: BlockProgram): Promise<Buffer> {
  const copies: Buffer[] = []
  for await (const block of blocks) copies.push(Buffer.from(block))
  await exited
  return Buffer.concat(copies)
}

afterEach(() => vi.unstubAllEnvs())

describe("a program's stdout in blocks", () => {
  it('is whole and in order, whatever its length', async () => {
    const length = fc.oneof(
      fc.integer({ min: 0, max: 3 }),
      fc.integer({ min: ROOM_BYTES / 4 - 2, max: ROOM_BYTES / 4 + 2 }),
      fc.integer({ min: ROOM_BYTES - 2, max: 2 * ROOM_BYTES }),
    )
    await fc.assert(
      fc.asyncProperty(length, async (bytes) => {
        const early: Buffer[] = []
        const all = await read(await counting(bytes, (piece) => early.push(Buffer.from(piece))))
        expect(all.equals(expected(bytes))).toBe(true)
        expect(Buffer.concat(early).equals(all)).toBe(true)
      }),
      { numRuns: 12 },
    )
  })

  it('takes the memory of four blocks, however much there is', async () => {
    const program = await counting(3 * ROOM_BYTES)
    const memory = new Set<ArrayBufferLike>()
    for await (const block of program.blocks) memory.add(block.buffer)
    expect(memory.size).toBe(4)
  })

  it('waits for a reader that takes its time', async () => {
    let seen = 0
    const program = await counting(3 * ROOM_BYTES, ({ length }) => {
      seen += length
    })
    const blocks = program.blocks[Symbol.asyncIterator]()
    const first = (await blocks.next()).value as Buffer
    await vi.waitUntil(() => seen >= ROOM_BYTES, { timeout: 30_000, interval: 1 })
    for (let turn = 0; turn < 100; turn++) await nextTurn()
    expect(seen).toBe(ROOM_BYTES)
    expect(first.equals(expected(first.length))).toBe(true)
    await program.kill()
  })

  it('fails with what the first look at the bytes throws, and the child is gone', async () => {
    const problem = new Error('not what was expected')
    const program = await counting(3 * ROOM_BYTES, () => {
      throw problem
    })
    await expect(read(program)).rejects.toBe(problem)
    await program.kill()
    await expect(program.exited).rejects.toBeInstanceOf(ProgramError)
  })

  it('is empty when there is no such program', async () => {
    const program = await startBlockProgram('/nowhere/pg_dump', { args: [], onBytes: () => undefined })
    await expect(read(program)).rejects.toThrow('pg_dump was not found')
  })

  it('leaves nothing in the temporary folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'block-program-test-'))
    vi.stubEnv('TMPDIR', folder)
    const program = await counting(10)
    expect(await readdir(folder)).toEqual([])
    await read(program)
    await rmdir(folder)
  })

  it('is read all the same where no temporary folder can be written to', async () => {
    vi.stubEnv('TMPDIR', '/nowhere')
    expect((await read(await counting(ROOM_BYTES))).equals(expected(ROOM_BYTES))).toBe(true)
  })
})
