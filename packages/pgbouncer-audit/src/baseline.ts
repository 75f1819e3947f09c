import { readFileSync, writeFileSync } from 'node:fs'
import { PgbouncerAuditError } from './errors.ts'
import type { Finding } from './finding.ts'

/** How often each known finding occurs; lines are left out, so that edits above it change nothing. */
export interface Baseline {
  readonly format: 'ops.pgbouncer-audit-baseline/1'
  readonly findings: readonly BaselineEntry[]
}

interface BaselineEntry {
  readonly ruleId: string
  readonly file: string
  readonly message: string
  readonly count: number
}

/**
 * The findings as a baseline.
 *
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises'
 * import { auditSource, createBaseline } from '@ops/pgbouncer-audit'
 *
 * const { findings } = await auditSource()
 * await writeFile('pgbouncer-audit.baseline.json', JSON.stringify(createBaseline(findings), null, 2))
 * ```
 */
export function createBaseline(findings: readonly Finding[]): Baseline {
  const entries = new Map<string, BaselineEntry>()
  for (const { ruleId, file, message } of findings) {
    const key = keyOf({ ruleId, file, message })
    entries.set(key, { ruleId, file, message, count: (entries.get(key)?.count ?? 0) + 1 })
  }
  return { format: 'ops.pgbouncer-audit-baseline/1', findings: [...entries.values()] }
}

/**
 * The findings that the baseline does not know.
 *
 * @example
 * ```ts
 * import { auditSource, createBaseline, withoutBaseline } from '@ops/pgbouncer-audit'
 *
 * const before = createBaseline((await auditSource({ cwd: 'main' })).findings)
 * const after = await auditSource({ cwd: 'branch' })
 * console.log(withoutBaseline(after.findings, before))
 * ```
 */
export function withoutBaseline(findings: readonly Finding[], baseline: Baseline): Finding[] {
  const left = new Map(baseline.findings.map((entry) => [keyOf(entry), entry.count]))
  return findings.filter((finding) => {
    const count = left.get(keyOf(finding)) ?? 0
    left.set(keyOf(finding), count - 1)
    return count <= 0
  })
}

function keyOf(entry: { ruleId: string; file: string; message: string }): string {
  return `${entry.ruleId}\0${entry.file}\0${entry.message}`
}

/** Rejects a file of another format with `AUDIT_BAD_BASELINE`. */
export function readBaseline(path: string): Baseline {
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new PgbouncerAuditError(
      'AUDIT_BAD_BASELINE',
      `the baseline ${path} cannot be read; write one with --write-baseline`,
      {
        cause: error,
        details: { path },
      },
    )
  }
  const baseline = parsed as Partial<Baseline> | null
  if (baseline?.format !== 'ops.pgbouncer-audit-baseline/1' || !Array.isArray(baseline.findings)) {
    throw new PgbouncerAuditError(
      'AUDIT_BAD_BASELINE',
      `${path} is not a baseline of pgbouncer-audit; write one with --write-baseline`,
      {
        details: { path },
      },
    )
  }
  return baseline as Baseline
}

export function writeBaseline(path: string, findings: readonly Finding[]): void {
  writeFileSync(path, `${JSON.stringify(createBaseline(findings), null, 2)}\n`)
}
