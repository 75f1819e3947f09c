/** A limit or a default that a page states: `text` stands in the page, and `code` in the source that makes it so. */
export interface Limit {
  readonly page: string
  readonly text: string
  readonly source: string
  readonly code: string
}

type Row = readonly [text: string, source: string, code: string]

function limitsOf(page: string, folder: string, rows: readonly Row[]): Limit[] {
  return rows.map(([text, source, code]) => ({ page, text, source: `${folder}/${source}`, code }))
}

export const LIMITS: readonly Limit[] = [
  ...limitsOf('docs/backup-format.md', 'packages/pg-backup/src', [
    ['at most 256 MiB', 'manifest.ts', 'MAX_MANIFEST_BYTES = 256 * 1024 * 1024'],
  ]),
  ...limitsOf('docs/pool-sizing.md', 'docs', [
    ['20 ms, now and then 200 ms', 'pool-sizing.md', '[20, 20, 20, 20, 20, 20, 20, 20, 20, 200]'],
  ]),
  ...limitsOf('examples/ops-worker/README.md', 'examples/ops-worker/src', [
    ['at most every 15 s', 'serve.ts', 'READY_MS = 15_000'],
  ]),
  ...limitsOf('packages/cert-probe/README.md', 'packages/cert-probe/src', [
    [
      '100 KB are refused, as OpenSSL does (Go takes 256 KB)',
      'handshake.ts',
      'more than 100 KB of certificates',
    ],
  ]),
  ...limitsOf('packages/object-store/README.md', 'packages/object-store/src', [
    ['96 MiB for hints up to 400 GB', 'part-plan.test.ts', 'max: 400e9'],
    ['1.25 × `sizeHintBytes`', 'part-plan.ts', 'hintMargin = 1.25'],
    ['`maxParts` × 16 MiB', 'part-plan.ts', 'partSizeWithoutHintBytes = 16 * MiB'],
    ['8 MiB with a size hint, else 16 MiB', 'part-plan.ts', 'usualPartSizeBytes = 8 * MiB'],
    ['at least 5 MiB', 'part-plan.ts', 'minPartSizeBytes: number = 5 * MiB'],
    ['fewer with parts over 24 MiB', 'part-plan.ts', 'Math.floor(bufferBudgetBytes / partSizeBytes) - 1'],
    ['up to 20 s', 's3-request.ts', 'maxTimeout: 20_000'],
  ]),
  ...limitsOf('packages/pg-backup/README.md', 'packages/pg-backup/src', [
    ['clocks may be 30 s apart', 'lease.ts', 'DEFAULT_CLOCK_SKEW_MS = 30_000'],
    [
      'wait 30 s, then twice as long each time, 10 minutes at the most',
      'retry.ts',
      'delayMs = 30_000, maxDelayMs = 600_000',
    ],
    ['16 GiB', 'store-directory.ts', 'DEFAULT_STAGING_MAX_BYTES = 16 * 1024 ** 3'],
    ['15 min', 'pace.ts', 'DEFAULT_STALL_TIMEOUT_MS = 900_000'],
    ['none, 1 min', 'hooks.ts', 'DEFAULT_HOOK_TIMEOUT_MS = 60_000'],
    ['(10 s)', 'webhook.ts', 'timeoutMs = 10_000'],
  ]),
  ...limitsOf('packages/pgbouncer-audit/README.md', 'packages/pgbouncer-audit/src', [
    ['above 8 MiB', 'files/read-file.ts', 'MAX_FILE_BYTES: number = 8 * 1024 * 1024'],
  ]),
  ...limitsOf('packages/pgbouncer-stats/README.md', 'packages/pgbouncer-stats/src', [
    ['less 0.5 s', 'serve.ts', 'SCRAPE_MARGIN_MS = 500'],
  ]),
  ...limitsOf('packages/s3-retention/README.md', 'packages/s3-retention/src', [
    ['less than 90 %', 'recheck.ts', 'MIN_SHARE_STILL_THERE = 0.9'],
  ]),
  ...limitsOf('packages/status-page/README.md', 'packages/status-page/src', [
    ['in less than 50 kB', 'pooler-history.test.ts', 'toBeLessThan(50_000)'],
    ['waits 10 s or longer', 'findings.ts', 'TOO_LONG_WAIT_SECONDS = 10'],
    ['waits 1 s or longer', 'findings.ts', 'LONG_WAIT_SECONDS = 1'],
  ]),
  ...limitsOf('packages/testbed/README.md', 'packages/testbed/src', [
    ['parts over 11 MiB', 's3-local.ts', 'refuses parts over 11 MiB'],
  ]),
]
