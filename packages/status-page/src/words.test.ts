import { expect, it } from 'vitest'
import { ago, ahead, duration } from './words.ts'

const NOW = '2026-11-21T09:42:17.000Z'

it.each([
  [0.9, '900 ms'],
  [42, '42 s'],
  [3600, '1 h'],
  [7 * 3600 + 42 * 60, '7 h 42 min'],
  [86_399, '23 h 59 min'],
  [86_400, '24 h'],
  [172_799, '47 h'],
  [172_800, '2 d'],
])('%d s are %s', (seconds, words) => {
  expect(duration(seconds)).toBe(words)
})

it.each([
  ['2026-11-21T09:42:16.500Z', 'just now'],
  ['2026-11-21T09:42:16.000Z', '1 s ago'],
  ['2026-11-21T09:43:00.000Z', 'just now'],
])('what was at %s is %s', (at, words) => {
  expect(ago(at, NOW).html).toContain(`>${words}<`)
})

it('what should have been by now is now', () => {
  expect(ahead('2026-11-21T09:42:00.000Z', NOW).html).toContain('>now<')
  expect(ahead('2026-11-21T10:42:17.000Z', NOW).html).toContain('>in 1 h<')
})
