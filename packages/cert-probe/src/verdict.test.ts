import { describe, expect, it } from 'vitest'
import { issue, type Issued, type IssueOptions } from '../test/pki.ts'
import { parseCertificate, type Certificate } from './certificate.ts'
import { createTrustStore } from './trust.ts'
import { judge, type Verdict, type VerdictOptions } from './verdict.ts'

const root = issue({ subject: [['CN', 'Root']], ca: true, notAfterDays: 3650 })
const intermediate = issue({ subject: [['CN', 'Intermediate']], issuer: root, ca: true, notAfterDays: 1000 })

function leaf(options: Partial<IssueOptions> = {}): Issued {
  return issue({ subject: [['CN', 'a.example']], issuer: intermediate, dns: ['a.example'], ...options })
}

function verdictOf(
  presented: readonly Issued[],
  options: VerdictOptions & { name?: string; roots?: readonly Issued[] } = {},
): Verdict {
  const trust = createTrustStore({ caPem: (options.roots ?? [root]).map((each) => each.pem).join('') })
  const chain = presented.map((each) => parseCertificate(each.der)) as [Certificate, ...Certificate[]]
  return judge(chain, options.name ?? 'a.example', trust, Date.now(), options).verdict
}

describe('the verdict', () => {
  const other = issue({ subject: [['CN', 'Other root']], ca: true })
  const expiredIntermediate = issue({
    subject: [['CN', 'Old']],
    issuer: root,
    ca: true,
    notBeforeDays: -90,
    notAfterDays: -1,
  })
  const pathLengthZero = issue({ subject: [['CN', 'Zero']], issuer: root, ca: true, pathLength: 0 })
  const notCa = issue({ subject: [['CN', 'Not a CA']], issuer: intermediate, usages: ['1.3.6.1.5.5.7.3.4'] })
  const below = issue({ subject: [['CN', 'Below']], issuer: pathLengthZero, ca: true })
  const constrained = issue({
    subject: [['CN', 'Constrained']],
    issuer: root,
    ca: true,
    permittedDns: ['b.example'],
  })

  it.each<[string, readonly Issued[], string[]]>([
    ['a good chain', [leaf(), intermediate], []],
    ['an expired certificate', [leaf({ notBeforeDays: -90, notAfterDays: -1 }), intermediate], ['expired']],
    ['one that is not valid yet', [leaf({ notBeforeDays: 1 }), intermediate], ['not-yet-valid']],
    ['another name', [leaf({ dns: ['b.example'] }), intermediate], ['wrong-name']],
    ['a common name without a SAN', [leaf({ dns: [] }), intermediate], ['wrong-name']],
    ['a self-signed one', [leaf({ issuer: undefined })], ['self-signed']],
    ['a root that is not trusted', [leaf({ issuer: other }), other], ['unknown-issuer']],
    ['an intermediate that was not sent, of a private CA', [leaf()], ['unknown-issuer']],
    [
      'an intermediate that was not sent, of a CA that publishes it',
      [leaf({ issuerUrl: 'http://ca.example/i.der' })],
      ['incomplete-chain'],
    ],
    ['an expired intermediate', [leaf({ issuer: expiredIntermediate }), expiredIntermediate], ['expired']],
    ['a CA below one that allows none', [leaf({ issuer: below }), below, pathLengthZero], ['bad-issuer']],
    [
      'an issuer that is no CA',
      [leaf({ issuer: notCa }), notCa, intermediate],
      ['bad-issuer', 'wrong-usage'],
    ],
    ['a name that the CA may not certify', [leaf({ issuer: constrained }), constrained], ['name-constraint']],
    ['a client certificate', [leaf({ usages: ['1.3.6.1.5.5.7.3.2'] }), intermediate], ['wrong-usage']],
    ['a SHA-1 signature', [leaf({ digest: 'sha1' }), intermediate], ['weak-signature']],
    ['an RSA key of 1024 bits', [leaf({ key: 'rsa1024' }), intermediate], ['weak-key']],
    [
      'less than 30 days left',
      [leaf({ notBeforeDays: -200, notAfterDays: 29 }), intermediate],
      ['expires-soon', 'renewal-overdue'],
    ],
    [
      'less than 7 days left',
      [leaf({ notBeforeDays: -200, notAfterDays: 6 }), intermediate],
      ['expires-soon', 'renewal-overdue'],
    ],
  ])('names %s', (_what, presented, codes) => {
    expect(verdictOf(presented).problems.map((problem) => problem.code)).toEqual(codes)
  })

  it('gives the expiry also of what is expired and not trusted', () => {
    const verdict = verdictOf([leaf({ issuer: undefined, notBeforeDays: -90, notAfterDays: -3 })])
    expect(verdict.problems.map((problem) => problem.code)).toEqual(['self-signed', 'expired'])
    expect(verdict).toMatchObject({ status: 'critical', isTrusted: false, daysLeft: -4 })
  })

  it('goes by the chain that lasts longest, whatever else was sent', () => {
    const short = issue({ subject: [['CN', 'Crossed']], issuer: root, ca: true, notAfterDays: 3 })
    const long = issue({
      subject: [['CN', 'Crossed']],
      issuer: other,
      ca: true,
      notAfterDays: 60,
      keyOf: short,
    })
    const verdict = verdictOf([leaf({ issuer: short }), short, long], { roots: [root, other] })
    expect(verdict).toMatchObject({ status: 'ok', daysLeft: 59 })
    expect(verdictOf([leaf({ issuer: short }), short, long]).daysLeft).toBe(2)
  })

  it('measures by the lifetime where that is short', () => {
    const sixDays = (left: number): Verdict =>
      verdictOf([leaf({ notBeforeDays: left - 6, notAfterDays: left }), intermediate])
    expect(sixDays(3).status).toBe('ok')
    expect(sixDays(1.9)).toMatchObject({ status: 'warning', renewal: { isOverdue: true } })
    expect(sixDays(0.4).status).toBe('critical')
  })

  it('takes given thresholds as they are', () => {
    const presented = [leaf({ notBeforeDays: -1, notAfterDays: 89 }), intermediate]
    expect(verdictOf(presented, { warnDays: 90 }).problems.map((problem) => problem.code)).toEqual([
      'expires-soon',
    ])
    expect(verdictOf(presented, { criticalDays: 90 }).status).toBe('critical')
    expect(verdictOf(presented, { renewBeforeDays: 89.5 }).problems.map((problem) => problem.code)).toEqual([
      'renewal-overdue',
    ])
  })

  it('is bounded when a stranger sends hundreds of certificates that all claim to have issued each other', () => {
    const same = Array.from({ length: 200 }, () => issue({ subject: [['CN', 'Same']], ca: true }))
    const first = issue({ subject: [['CN', 'Same leaf']], issuer: same[0], dns: ['a.example'] })
    const startedAt = performance.now()
    expect(verdictOf([first, ...same]).isTrusted).toBe(false)
    expect(performance.now() - startedAt).toBeLessThan(20_000)
  })
})
