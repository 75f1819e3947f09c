import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parsePolicy } from './policy-text.ts'
import { RETENTION_ERROR_CODES, RetentionError, isRetentionError } from './retention-error.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

describe('the README', () => {
  it.each(RETENTION_ERROR_CODES)('explains %s', (code) => {
    expect(readme).toMatch(new RegExp(`^\\| \`${code}\` +\\|`, 'm'))
  })

  it('names no error code that does not exist', () => {
    const named = new Set(readme.match(/RETENTION_[A-Z_]+/g))
    named.delete('RETENTION_POLICY')
    expect([...named].toSorted()).toEqual([...RETENTION_ERROR_CODES].toSorted())
  })

  it('shows only policies that can be read', () => {
    const table = readme.slice(readme.indexOf('## Policies'), readme.indexOf('- **Time zones**'))
    const cells = table.split('\n').flatMap((row) => (row.startsWith('| `') ? [row.split('|')[1]!] : []))
    const texts = cells
      .flatMap((cell) => Array.from(cell.matchAll(/`([^`]+)`/g), (match) => match[1]!))
      .filter((text) => !text.startsWith('-'))
    expect(texts.length).toBeGreaterThan(10)
    for (const text of texts) {
      const isRule = !/^(?:pin|min-keep)=/.test(text)
      expect(parsePolicy(isRule ? text : `${text},last=1`)).toBeTypeOf('object')
    }
  })

  it('calls errors by what they are, across copies of the package', () => {
    const error = new RetentionError('RETENTION_TOO_MUCH', 'x')
    expect(isRetentionError(error)).toBe(true)
    expect(isRetentionError(new Error('x'))).toBe(false)
  })
})
