import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createProgressLine, progressFields, type Progress } from './progress-line.ts'

beforeEach(() => {
  vi.stubEnv('TERM', 'xterm')
})

afterEach(() => {
  vi.unstubAllEnvs()
})

interface Screen {
  readonly stream: NodeJS.WriteStream
  /** What was written since the last look. */
  readonly take: () => string
}

/** A stream that says of itself what a terminal of this width says, or nothing. */
function screen(columns?: number): Screen {
  const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), {
    isTTY: columns !== undefined,
    columns,
  })
  return {
    stream: stream as unknown as NodeJS.WriteStream,
    take: () => String(stream.read() ?? ''),
  }
}

const CLEAR = '\r\u001B[2K'
const MIB = 1024 ** 2
const HALF: Progress = { doing: 'restoring', done: 12 * MIB, total: 28 * MIB, details: ['1,234 rows'] }

describe('the fields', () => {
  it('are what is done, how far it is, how long it still takes, how much that is, how fast, and the rest', () => {
    expect(progressFields(HALF, 6000)).toEqual([
      'restoring',
      '42 %',
      '~8.0 s left',
      '12.0 MiB of 28.0 MiB',
      '2.0 MiB/s',
      '1,234 rows',
    ])
  })

  it('say of which of several jobs they are, and what is a guess', () => {
    expect(progressFields({ ...HALF, of: 'shop', isEstimate: true }, 6000).slice(0, 5)).toEqual([
      'shop',
      'restoring',
      '~42 %',
      '~8.0 s left',
      '12.0 MiB of ~28.0 MiB',
    ])
  })

  it('count things as well as bytes', () => {
    const listed: Progress = { doing: 'listing', done: 1200, unit: 'objects' }
    expect(progressFields(listed, 6000)).toEqual(['listing', '1,200 objects'])
    expect(progressFields({ ...listed, total: 2400 }, 6000)).toEqual([
      'listing',
      '50 %',
      '~6.0 s left',
      '1,200 of 2,400 objects',
    ])
  })

  it('have no rate at the beginning, and no time left at the end', () => {
    expect(progressFields({ doing: 'checking', done: 0, total: 10 }, 6000)).toEqual([
      'checking',
      '0 %',
      '0 B of 10 B',
    ])
    expect(progressFields(HALF, 499)).toEqual(['restoring', '42 %', '12.0 MiB of 28.0 MiB', '1,234 rows'])
    expect(progressFields({ doing: 'checking', done: 2048, total: 2048 }, 1000)).toEqual([
      'checking',
      '100 %',
      '2.0 KiB of 2.0 KiB',
      '2.0 KiB/s',
    ])
    expect(progressFields({ doing: 'connecting' }, 6000)).toEqual(['connecting'])
  })
})

describe('on a terminal', () => {
  it('shows as many fields as fit, the first ones first', () => {
    for (const [columns, shown] of [
      [80, 'restoring  42 %  12.0 MiB of 28.0 MiB  1,234 rows'],
      [40, 'restoring  42 %  12.0 MiB of 28.0 MiB'],
      [20, 'restoring  42 %'],
      [8, 'restor…'],
    ] as const) {
      const { stream, take } = screen(columns)
      createProgressLine(stream).update(HALF)
      expect(take()).toBe(CLEAR + shown)
    }
  })

  it('is rewritten ten times a second at most, and taken away in the end', () => {
    const { stream, take } = screen(80)
    let now = 0
    const line = createProgressLine(stream, () => now)
    line.update({ doing: 'one' })
    now = 99
    line.update({ doing: 'two' })
    now = 100
    line.update({ doing: 'three' })
    line.clear()
    line.clear()
    expect(take()).toBe(`${CLEAR}one${CLEAR}three${CLEAR}`)
  })

  it('reckons with the time of what is done now, of each job its own', () => {
    const { stream, take } = screen(80)
    let now = 0
    const line = createProgressLine(stream, () => now)
    const dump = (of: string, done: number): void => line.update({ of, doing: 'dumping', done, total: 4096 })
    line.update({ of: 'a', doing: 'connecting' })
    now = 50
    dump('a', 0)
    now = 1000
    dump('b', 0)
    now = 2050
    dump('a', 1024)
    now = 3000
    dump('b', 2048)
    expect(take().split(CLEAR).slice(-2)).toEqual([
      'a  dumping  25 %  ~6.0 s left  1.0 KiB of 4.0 KiB  512 B/s',
      'b  dumping  50 %  ~2.0 s left  2.0 KiB of 4.0 KiB  1.0 KiB/s',
    ])
  })

  it('cannot be broken by what it shows', () => {
    const { stream, take } = screen(80)
    createProgressLine(stream).update({ of: 'a\u001B[2J\nb', doing: 'dumping' })
    expect(take()).toBe(`${CLEAR}a␛[2J␊b  dumping`)
  })
})

describe('elsewhere', () => {
  it('is a whole line every ten seconds, and nothing for a short job', () => {
    const { stream, take } = screen()
    let now = 0
    const line = createProgressLine(stream, () => now)
    now = 9_999
    line.update({ doing: 'too early' })
    expect(take()).toBe('')
    now = 10_000
    line.update({ doing: 'halfway', done: 1024, total: 2048 })
    line.clear()
    expect(take()).toBe('halfway  50 %  1.0 KiB of 2.0 KiB\n')
  })

  it('is also a terminal that cannot rewrite a line', () => {
    vi.stubEnv('TERM', 'dumb')
    const { stream, take } = screen(80)
    let now = 0
    const line = createProgressLine(stream, () => now)
    now = 10_000
    line.update({ doing: 'halfway' })
    line.clear()
    expect(take()).toBe('halfway\n')
  })
})
