import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createProgressLine } from './progress-line.ts'

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

describe('on a terminal', () => {
  it('shows as many fields as fit, the first ones first', () => {
    const fields = ['public.orders', '43 %', '12 MiB/s', '1,234 rows']
    for (const [columns, shown] of [
      [80, 'public.orders  43 %  12 MiB/s  1,234 rows'],
      [40, 'public.orders  43 %  12 MiB/s'],
      [20, 'public.orders  43 %'],
      [10, 'public.o…'],
    ] as const) {
      const { stream, take } = screen(columns)
      createProgressLine(stream).update(...fields)
      expect(take()).toBe(CLEAR + shown)
    }
  })

  it('is rewritten ten times a second at most, and taken away in the end', () => {
    const { stream, take } = screen(80)
    let now = 0
    const line = createProgressLine(stream, () => now)
    line.update('one')
    now = 99
    line.update('two')
    now = 100
    line.update('three')
    line.clear()
    line.clear()
    expect(take()).toBe(`${CLEAR}one${CLEAR}three${CLEAR}`)
  })

  it('cannot be broken by what it shows', () => {
    const { stream, take } = screen(80)
    createProgressLine(stream).update('a\u001B[2J\nb')
    expect(take()).toBe(`${CLEAR}a␛[2J␊b`)
  })
})

describe('elsewhere', () => {
  it('is a whole line every ten seconds, and nothing for a short job', () => {
    const { stream, take } = screen()
    let now = 0
    const line = createProgressLine(stream, () => now)
    now = 9_999
    line.update('too early', 'to say')
    expect(take()).toBe('')
    now = 10_000
    line.update('half', 'way')
    line.clear()
    expect(take()).toBe('half  way\n')
  })
})
