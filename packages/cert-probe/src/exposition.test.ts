import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gauge, renderMetrics } from './exposition.ts'

describe('the text format', () => {
  it('writes families once, and each set of labels once', () => {
    const twice = [gauge('a', 'help', 1), gauge('a', 'help', 2), { name: 'b', help: 'none', samples: [] }]
    expect(renderMetrics(twice)).toBe('# HELP a help\n# TYPE a gauge\na 2\n')
  })

  it('keeps a name from a certificate within its line, whatever it is', () => {
    fc.assert(
      fc.property(fc.uint16Array({ maxLength: 40 }), (codes) => {
        const value = String.fromCharCode(...codes)
        const text = renderMetrics([
          { name: 'a', help: 'h', samples: [{ labels: { name: value }, value: 1 }] },
        ])
        const lines = text.split('\n')
        expect(lines).toHaveLength(4)
        const written = /^a\{name="((?:[^"\\]|\\.)*)"\} 1$/s.exec(lines[2]!)![1]!
        expect(written.replace(/\\(.)/gs, (_all, next: string) => (next === 'n' ? '\n' : next))).toBe(
          value.toWellFormed(),
        )
      }),
    )
  })
})
