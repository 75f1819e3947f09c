import { describe, expect, it } from 'vitest'
import { renewalState } from './renewal.ts'

const certificate = { notBefore: '2026-01-01T00:00:00Z', notAfter: '2026-04-01T00:00:00Z' }

describe('a renewal', () => {
  it('is due when a third of the lifetime is left', () => {
    expect(renewalState(certificate, Date.parse('2026-03-01T23:59:00Z'))).toEqual({
      dueAt: '2026-03-02T00:00:00.000Z',
      isOverdue: false,
      overdueDays: 0,
    })
    expect(renewalState(certificate, Date.parse('2026-03-05T01:00:00Z'))).toMatchObject({
      isOverdue: true,
      overdueDays: 3,
    })
  })

  it('is due when the caller says', () => {
    expect(renewalState(certificate, 0, 10).dueAt).toBe('2026-03-22T00:00:00.000Z')
  })

  it('copes with a certificate that ends before it begins', () => {
    expect(renewalState({ notBefore: certificate.notAfter, notAfter: certificate.notBefore }, 0).dueAt).toBe(
      '2026-01-01T00:00:00.000Z',
    )
  })
})
