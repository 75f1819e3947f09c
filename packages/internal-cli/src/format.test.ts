import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  formatBytes,
  formatDuration,
  formatTable,
  printable,
  tableWidth,
  textWidth,
  truncate,
} from './format.ts'
import { parseBytes, parseDurationMs, parseInteger, parseTimerMs } from './parse.ts'

describe('sizes', () => {
  it.each([
    [0, '0 B'],
    [11.7056, '12 B'],
    [1023, '1023 B'],
    [1536, '1.5 KiB'],
    [1024 ** 2 - 1, '1.0 MiB'],
    [5 * 1024 ** 3, '5.0 GiB'],
  ])('%i bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })

  it('are read in the units that they are written in', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 49 }), (bytes) => {
        expect(Math.abs(parseBytes(formatBytes(bytes)) - bytes)).toBeLessThanOrEqual(0.06 * bytes)
      }),
    )
  })

  it.each(['', '-1', '1x', 'k', '1 2'])('%j is refused', (text) => {
    expect(() => parseBytes(text)).toThrow('size such as')
  })
})

describe('durations', () => {
  it.each([
    [0.4, '0 ms'],
    [999, '999 ms'],
    [1500, '1.5 s'],
    [59_960, '1 min 0 s'],
    [93_500, '1 min 34 s'],
    [2 * 3_600_000 + 60_000, '2 h 1 min'],
    [90 * 3_600_000, '3 d 18 h'],
  ])('%d ms are %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text)
  })

  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
  ])('%s are %d ms', (text, milliseconds) => {
    expect(parseDurationMs(text)).toBe(milliseconds)
  })

  it.each(['5', '5 weeks', '-3s', ''])('%j is refused', (text) => {
    expect(() => parseDurationMs(text)).toThrow('duration such as')
  })

  it('that a timer waits are no longer than Node.js can wait', () => {
    expect(parseTimerMs('20d')).toBe(1_728_000_000)
    expect(() => parseTimerMs('21d')).toThrow('20d or less')
  })
})

describe('whole numbers from a flag', () => {
  it('must lie within their bounds', () => {
    expect(parseInteger(1, 19)('19')).toBe(19)
    for (const text of ['0', '20', '1.5', 'x', ''])
      expect(() => parseInteger(1, 19)(text)).toThrow('from 1 to 19')
  })
})

describe('a table', () => {
  const columns = [{ header: 'NAME' }, { header: 'ROWS', align: 'right' }] as const

  it('aligns its columns and has no trailing blanks', () => {
    expect(
      formatTable(columns, [
        ['orders', '12'],
        ['a', '3,000'],
      ]),
    ).toBe('NAME     ROWS\norders     12\na       3,000')
  })

  it('never has a line wider than asked for, as long as the shortest column fits', () => {
    const row = fc.tuple(fc.string({ unit: 'grapheme', maxLength: 80 }), fc.nat().map(String))
    fc.assert(
      fc.property(fc.array(row), (rows) => {
        for (const line of formatTable(columns, rows, 40).split('\n')) {
          expect(textWidth(line)).toBeLessThanOrEqual(40)
        }
      }),
    )
  })
})

describe('a table that is too wide', () => {
  const columns = [
    { header: 'ID', isKept: true },
    { header: 'NAME' },
    { header: 'ROWS', align: 'right' },
    { header: 'WHY' },
  ] as const
  const row = ['20261121T020000Z-4fk2q9', 'n'.repeat(30), '1,234', 'w'.repeat(40)]

  it('has its widest columns shortened first, and never what is copied', () => {
    const [, line] = formatTable(columns, [row], 80).split('\n')
    expect(textWidth(line!)).toBe(80)
    expect(line).toBe(`20261121T020000Z-4fk2q9  ${'n'.repeat(22)}…  1,234  ${'w'.repeat(22)}…`)
  })

  it('stays wider than asked for where nothing is left to shorten', () => {
    const [, line] = formatTable(columns, [row], 30).split('\n')
    expect(line).toBe(`20261121T020000Z-4fk2q9  ${'n'.repeat(11)}…  1,234  ${'w'.repeat(11)}…`)
  })
})

it('a table is as wide as the terminal, and elsewhere as it needs to be read', () => {
  const stream = (isTTY: boolean, columns?: number): NodeJS.WriteStream =>
    ({ isTTY, columns }) as NodeJS.WriteStream
  expect(tableWidth(130, stream(true, 72))).toBe(72)
  expect(tableWidth(130, stream(false))).toBe(130)
  expect(tableWidth(130, stream(true, 0))).toBe(130)
})

describe('text on a terminal', () => {
  it.each([
    ['orders', 6],
    ['注文', 4],
    ['한글', 4],
    ['🚀', 2],
    ['e\u0301', 1],
    ['\u001B[31mred\u001B[39m', 3],
  ])('%j takes %d columns', (text, columns) => {
    expect(textWidth(text)).toBe(columns)
  })

  it('is cut to the columns there are', () => {
    expect(truncate('注文番号', 8)).toBe('注文番号')
    expect(truncate('注文番号', 7)).toBe('注文番…')
    expect(truncate('注文番号', 6)).toBe('注文…')
  })

  it('cannot move the cursor, clear the screen or turn its reading direction', () => {
    expect(printable('a\u001B[2J\r\nb\u007F\u009B\u202Ec ü 注')).toBe('a␛[2J␍␊b␡\uFFFD\uFFFDc ü 注')
  })
})
