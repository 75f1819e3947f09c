import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { checkedStream } from './checked-stream.ts'

const options = {
  details: { url: 's3://bucket', key: 'object' },
  mapError: (error: unknown) => new Error('mapped', { cause: error }),
}

describe('checkedStream', () => {
  it.each([
    [99, 100],
    [0, 1],
    [101, 100],
  ])('fails when %i bytes come instead of %i', async (sent, expectedBytes) => {
    const source = Readable.from([Buffer.alloc(sent)])
    await expect(buffer(checkedStream(source, { ...options, expectedBytes }))).rejects.toMatchObject({
      code: 'STORE_TRUNCATED',
    })
  })

  it('fails when the source falls silent, and closes it', async () => {
    const source = new Readable({ read: () => undefined })
    source.push(Buffer.alloc(10))
    const stream = checkedStream(source, { ...options, expectedBytes: 100, stallTimeoutMs: 50 })
    await expect(buffer(stream)).rejects.toMatchObject({ code: 'STORE_STALLED' })
    expect(source.destroyed).toBe(true)
  })

  it('lets a slow reader take its time', async () => {
    const chunks = Array.from({ length: 64 }, () => Buffer.alloc(64 * 1024))
    const expectedBytes = 64 * 64 * 1024
    const stream = checkedStream(Readable.from(chunks), { ...options, expectedBytes, stallTimeoutMs: 50 })
    await sleep(300)
    expect((await buffer(stream)).length).toBe(expectedBytes)
  })

  it('closes the source when its reader stops', async () => {
    const source = new Readable({ read: () => undefined })
    const stream = checkedStream(source, { ...options, expectedBytes: 100 })
    stream.destroy()
    await expect.poll(() => source.destroyed).toBe(true)
  })
})
