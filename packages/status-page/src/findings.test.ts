import { describe, expect, it } from 'vitest'
import { findProblems, type Finding } from './findings.ts'
import { sampleStatus } from './sample-status.ts'
import { statusDocument } from './status-document.ts'
import type { CertificateStatus, DatabaseStatus, PoolStatus, Status } from './status.ts'

const calm = sampleStatus('calm')
const [shop, analytics] = calm.databases as [DatabaseStatus, DatabaseStatus]
const [pooler] = calm.poolers as [Status['poolers'][number]]

function findings(change: Partial<Status>): Finding[] {
  return findProblems({ ...calm, ...change })
}

const withShop = (change: Partial<DatabaseStatus>): Finding[] =>
  findings({ databases: [{ ...shop, ...change }, analytics] })

const withPool = (change: Partial<PoolStatus>): Finding[] =>
  findings({ poolers: [{ ...pooler, pools: [{ ...pooler.pools[0]!, ...change }] }] })

const withCertificate = (change: Partial<CertificateStatus>): Finding[] =>
  findings({ certificates: [{ ...calm.certificates[0]!, ...change }] })

/** The newest drilled backup of the shop, with another result. */
function redrilled(
  drill: Partial<NonNullable<DatabaseStatus['backups'][number]['drill']>>,
): DatabaseStatus['backups'] {
  const newest = shop.backups.findLastIndex((backup) => backup.drill !== null)
  return shop.backups.map((backup, index) =>
    index === newest ? { ...backup, drill: { ...backup.drill!, ...drill } } : backup,
  )
}

it('a system that is well has none', () => {
  expect(findings({})).toEqual([])
  expect(statusDocument(calm).state).toBe('ok')
})

describe.each<[string, Finding[], Finding['severity'], string]>([
  ['no backup', withShop({ backups: [], calendar: [] }), 'critical', 'has no backup at all'],
  [
    'a backup that is too old',
    withShop({ backups: shop.backups.slice(0, -1) }),
    'critical',
    'the last backup is 31 h old; 26 h were promised',
  ],
  [
    'a backup that did not come back',
    withShop({
      backups: redrilled({ verdict: 'disproven', differences: 1 }),
      objectives: { ...shop.objectives, proofAgeSeconds: 20 * 86_400 },
    }),
    'critical',
    'did not come back as it was: 1 difference',
  ],
  [
    'a database that was never drilled',
    withShop({ backups: shop.backups.map((backup) => ({ ...backup, drill: null })) }),
    'warning',
    'no backup was proven yet by a restore',
  ],
  [
    'a proof that is too old',
    withShop({ objectives: { ...shop.objectives, proofAgeSeconds: 3600 } }),
    'warning',
    'the last proven restore was 29 h ago; 1 h were promised',
  ],
  [
    'a recovery that took too long',
    withShop({ backups: redrilled({ recoverySeconds: 600 }) }),
    'warning',
    'the last recovery took 10 min; 3 min 8 s were promised',
  ],
  [
    'an attempt that failed',
    withShop({ failures: [{ job: 'drill', at: '2026-11-21T03:00:41.000Z', message: 'no space left' }] }),
    'warning',
    'the last drill failed (2026-11-21 03:00 UTC): no space left',
  ],
  [
    'a gap',
    withShop({ calendar: [{ date: '2026-11-01', state: 'gap', backups: [] }] }),
    'warning',
    '1 day of the retention window has no backup',
  ],
  [
    'clients that wait',
    withPool({ clientsWaiting: 1, maxWaitSeconds: 1.5 }),
    'warning',
    '1 client waits for a server connection, the longest for 1.5 s',
  ],
  [
    'clients that wait too long',
    withPool({ clientsWaiting: 3, maxWaitSeconds: 12 }),
    'critical',
    '3 clients wait for a server connection, the longest for 12 s',
  ],
  [
    'a certificate that is past',
    withCertificate({ state: 'critical', daysLeft: -1 }),
    'critical',
    'expired 1 day ago',
  ],
  [
    'a certificate that was not seen',
    withCertificate({ state: 'unknown', daysLeft: null, problem: 'connection refused' }),
    'warning',
    'connection refused',
  ],
  [
    'a policy that keeps nothing of a group',
    findings({
      retention: { ...calm.retention!, refused: [{ group: 'main/logical/old', reason: 'all are older' }] },
    }),
    'warning',
    'all are older',
  ],
  [
    'a store that does not answer',
    findings({ problems: [{ source: 'store', message: 'connection refused' }] }),
    'critical',
    'connection refused',
  ],
])('%s', (_name, found, severity, message) => {
  it(`is ${severity}`, () => {
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({ severity })
    expect(found[0]!.message).toContain(message)
  })
})

it('what could not be read leads nowhere, all else to where the page says more', () => {
  const found = findProblems({ ...sampleStatus('trouble'), problems: [{ source: 'store', message: 'away' }] })
  expect(found.filter(({ section }) => section === undefined).map(({ subject }) => subject)).toEqual([
    'store',
  ])
})

it('what is worse comes first', () => {
  const severities = findProblems(sampleStatus('trouble')).map(({ severity }) => severity)
  expect(severities).toEqual(severities.toSorted())
  expect(new Set(severities)).toEqual(new Set(['critical', 'warning']))
})

it('a wait that is over before anybody notices is none', () => {
  expect(withPool({ clientsWaiting: 5, maxWaitSeconds: 0.2 })).toEqual([])
})
