import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isObjectStoreError, ObjectStoreError, objectStoreErrorCodes } from './object-store-error.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

describe('ObjectStoreError', () => {
  it.each(objectStoreErrorCodes)('%s has its row in the README', (code) => {
    expect(readme).toMatch(new RegExp(`^\\| \`${code}\` +\\| \\S`, 'mu'))
  })

  it('is recognised by its brand, also when another copy of the package made it', () => {
    expect(isObjectStoreError(new ObjectStoreError('STORE_FAILED', 'x'))).toBe(true)
    expect(isObjectStoreError({ [Symbol.for('@ops/object-store.ObjectStoreError')]: true })).toBe(true)
    expect(isObjectStoreError(new Error('x'))).toBe(false)
    expect(isObjectStoreError(undefined)).toBe(false)
  })
})
