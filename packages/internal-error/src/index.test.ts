import { describe, expect, it } from 'vitest'
import { brandError, errorMessage, OpsError } from './index.ts'

class CopyOne extends OpsError<'A_FAILED', { key?: string }> {}
class CopyTwo extends OpsError<'A_FAILED', { key?: string }> {}
class Other extends OpsError<'B_FAILED'> {}

const isOne = brandError(CopyOne, '@ops/test/error')
brandError(CopyTwo, '@ops/test/error')
brandError(Other, '@ops/test/other')

describe('an error of the family', () => {
  it('is recognised across two copies of its package, and no other error is', () => {
    expect(isOne(new CopyOne('A_FAILED', 'one'))).toBe(true)
    expect(isOne(new CopyTwo('A_FAILED', 'two'))).toBe(true)
    expect([new Other('B_FAILED', 'b'), new Error('a'), null, 'A_FAILED'].some((each) => isOne(each))).toBe(
      false,
    )
  })

  it('carries its code, details and cause, and no cause when there is none', () => {
    const cause = new Error('underneath')
    const error = new CopyOne('A_FAILED', 'message', { details: { key: 'k' }, cause })
    expect(error).toMatchObject({ code: 'A_FAILED', details: { key: 'k' }, cause, message: 'message' })
    expect('cause' in new CopyOne('A_FAILED', 'message')).toBe(false)
  })

  it('shows no brand in its JSON or its keys', () => {
    expect(Object.keys(new CopyOne('A_FAILED', 'm'))).toEqual(['code', 'details'])
  })
})

describe('the message of what was thrown', () => {
  it.each([
    [new Error('plain'), 'plain'],
    ['text', 'text'],
    [undefined, 'undefined'],
    [new AggregateError([new Error('first'), new Error('second')]), 'first; second'],
  ])('%s', (thrown, message) => {
    expect(errorMessage(thrown)).toBe(message)
  })
})
