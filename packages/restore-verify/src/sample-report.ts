import { checkNames, phaseNames, type CheckOutcome, type VerificationReport } from './report.ts'

/** A report in which something of everything is to be seen; for tests. */
export function sampleReport(verdict: VerificationReport['verdict'] = 'disproven'): VerificationReport {
  const isProven = verdict === 'proven'
  const digest = (digit: string): string => `ops1:${digit.repeat(32)}`
  const orders = { rows: 2000, bytes: 76_543, digest: digest('a') }
  const outcome = (check: CheckOutcome['check']): CheckOutcome => {
    if (check === 'assertions')
      return { check, result: 'skipped', reason: 'there are none', durationMs: 0, differences: 0 }
    const differences = isProven ? 0 : ({ rows: 1, schema: 1 }[check as string] ?? 0)
    return { check, result: differences > 0 ? 'fail' : 'pass', durationMs: 12.5, differences }
  }
  return {
    format: 'ops.verification-report/1',
    verdict,
    backupVerdict: verdict,
    backup: {
      cluster: 'main',
      database: 'shop',
      id: '20261121T020000Z-4fk2q9',
      store: 's3://backups/postgres',
      startedAt: '2026-11-21T02:00:00.000Z',
      ageMs: 5_400_000,
      storedBytes: 310_000_000,
      rawBytes: 1_100_000_000,
      serverVersion: '17.6 (Debian 17.6-1)',
      pgDump: '17.6 (Debian 17.6-1)',
      manifestSha256: '0123456789abcdef'.repeat(4),
    },
    target: {
      kind: 'local',
      serverVersion: '17.6 (Debian 17.6-1)',
      database: 'drill',
      pgDump: '17.6 (Debian 17.6-1)',
      pgRestore: '17.6 (Debian 17.6-1)',
    },
    tool: '@ops/restore-verify 1.0.0',
    startedAt: '2026-11-21T03:30:00.000Z',
    finishedAt: '2026-11-21T03:30:42.000Z',
    durationMs: 42_000,
    recoveryMs: 27_000,
    phases: phaseNames.map((phase, index) => ({
      phase,
      durationMs: [400, 1200, 25_800, 9000, 20, 4980, 600][index]!,
    })),
    checks: checkNames.map(outcome),
    totals: {
      tables: 2,
      rows: 2300,
      bytes: 81_234,
      sequences: 2,
      largeObjects: 1,
      schemaObjects: 14,
      extensions: 1,
    },
    tables: [
      {
        schema: 'public',
        name: 'orders',
        verdict: isProven ? 'equal' : 'differs',
        expected: orders,
        actual: isProven ? orders : { ...orders, rows: 1997, digest: digest('b') },
      },
      {
        schema: 'public',
        name: 'customers',
        verdict: 'equal',
        expected: { rows: 300, bytes: 4691, digest: digest('c') },
        actual: { rows: 300, bytes: 4691, digest: digest('c') },
      },
    ],
    differences: isProven
      ? []
      : [
          {
            check: 'rows',
            object: 'public.orders',
            problem: '3 of 2,000 rows are missing',
            expected: `2000 rows, 76543 bytes, ${digest('a')}`,
            actual: `1997 rows, 76420 bytes, ${digest('b')}`,
          },
          {
            check: 'schema',
            object: 'VIEW public.big',
            problem: 'it differs',
            expected: 'CREATE VIEW public.big AS\n SELECT id\n   FROM public.orders\n  WHERE (id > 1000);',
            actual: 'CREATE VIEW public.big AS\n SELECT id\n   FROM public.orders\n  WHERE (id > 1001);',
          },
        ],
    warnings: [],
    adaptations: ['roles that the target lacked were made for the drill: shop_owner'],
    notChecked: ['assertions: there are none'],
  }
}
