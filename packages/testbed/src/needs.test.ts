import { afterEach, describe, expect, it, vi } from 'vitest'
import { needs, needsCapability } from './needs.ts'

describe('what a test does when something is missing', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it.each([
    ['', false, 'skips'],
    ['true', false, 'throws'],
    ['1', false, 'throws'],
    ['false', false, 'skips'],
    ['true', true, 'runs'],
    ['', true, 'runs'],
  ])('with CI=%j and a server there: %s, it %s', (CI, isThere, expected) => {
    vi.stubEnv('CI', CI)
    const skip = vi.fn<(note?: string) => void>()
    let outcome = ''
    try {
      needs({ skip }, isThere, 'no such server')
      outcome = skip.mock.calls.length === 0 ? 'runs' : 'skips'
    } catch (error) {
      outcome = String(error).includes('no such server') ? 'throws' : String(error)
    }
    expect(outcome).toBe(expected)
  })

  it('skips for want of a capability even in CI, where another server has it', () => {
    vi.stubEnv('CI', 'true')
    const skip = vi.fn<(note?: string) => void>()
    needsCapability({ skip }, false, 'no versioning')
    needsCapability({ skip }, true, 'never said')
    expect(skip.mock.calls).toEqual([['no versioning']])
  })
})
