import { z } from 'zod'
import { checkNames, phaseNames, type VerificationReport } from './report.ts'

const count = z.number().int().nonnegative()
const duration = z.number().nonnegative()
const verdict = z.enum(['proven', 'disproven'])
const content = z.looseObject({ rows: count, bytes: count, digest: z.string() })
const check = z.enum(checkNames)

const report = z.looseObject({
  format: z.literal('ops.verification-report/1'),
  verdict,
  backupVerdict: verdict,
  backup: z.looseObject({
    cluster: z.string(),
    database: z.string(),
    id: z.string(),
    store: z.string(),
    startedAt: z.iso.datetime(),
    ageMs: duration,
    storedBytes: count,
    rawBytes: count,
    serverVersion: z.string(),
    pgDump: z.string(),
    manifestSha256: z.string(),
  }),
  target: z
    .looseObject({
      kind: z.enum(['local', 'container', 'server']),
      serverVersion: z.string(),
      database: z.string(),
      pgDump: z.string(),
      pgRestore: z.string(),
    })
    .nullable(),
  tool: z.string(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  durationMs: duration,
  recoveryMs: duration.nullable(),
  phases: z.array(z.looseObject({ phase: z.enum(phaseNames), durationMs: duration })),
  checks: z.array(
    z.looseObject({
      check,
      result: z.enum(['pass', 'fail', 'skipped']),
      reason: z.string().optional(),
      durationMs: duration,
      differences: count,
    }),
  ),
  totals: z.looseObject({
    tables: count,
    rows: count,
    bytes: count,
    sequences: count,
    largeObjects: count,
    schemaObjects: count,
    extensions: count,
  }),
  tables: z.array(
    z.looseObject({
      schema: z.string(),
      name: z.string(),
      verdict: z.enum(['equal', 'differs', 'missing', 'extra']),
      expected: content.optional(),
      actual: content.optional(),
    }),
  ),
  differences: z.array(
    z.looseObject({
      check,
      object: z.string(),
      problem: z.string(),
      expected: z.string().optional(),
      actual: z.string().optional(),
    }),
  ),
  warnings: z.array(z.string()),
  adaptations: z.array(z.string()),
  notChecked: z.array(z.string()),
})

/** One drill in short. */
export interface DrillSummary {
  readonly startedAt: string
  readonly finishedAt: string
  readonly verdict: 'proven' | 'disproven'
  readonly backupVerdict: 'proven' | 'disproven'
  readonly failedChecks: readonly string[]
  readonly differences: number
  readonly durationMs: number
  readonly recoveryMs: number | null
  readonly rows: number
  readonly tables: number
  readonly target: string | null
}

/** What stands in `verification.json` beside a backup. */
export interface VerificationRecord {
  readonly format: 'ops.verification/1'
  /** The last drill's verdict on the backup itself, whether or not that drill was in time. */
  readonly verdict: 'proven' | 'disproven'
  readonly backup: { readonly cluster: string; readonly database: string; readonly id: string }
  /** Of the manifest that was drilled; the record of another one is begun anew. */
  readonly manifestSha256: string
  /** The last ones, the newest last. */
  readonly drills: readonly DrillSummary[]
}

const record = z.looseObject({
  format: z.literal('ops.verification/1'),
  verdict,
  backup: z.looseObject({ cluster: z.string(), database: z.string(), id: z.string() }),
  manifestSha256: z.string(),
  drills: z
    .array(
      z.looseObject({
        startedAt: z.iso.datetime(),
        finishedAt: z.iso.datetime(),
        verdict,
        backupVerdict: verdict,
        failedChecks: z.array(z.string()),
        differences: count,
        durationMs: duration,
        recoveryMs: duration.nullable(),
        rows: count,
        tables: count,
        target: z.string().nullable(),
      }),
    )
    .min(1),
})

/**
 * The published JSON Schema of the report (also at `@ops/restore-verify/report.schema.json`).
 *
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises'
 * import { reportJsonSchema } from '@ops/restore-verify'
 *
 * await writeFile('report.schema.json', JSON.stringify(reportJsonSchema(), null, 2))
 * ```
 */
export function reportJsonSchema(): object {
  return { title: 'Report of a restore drill', ...z.toJSONSchema(report) }
}

/**
 * The published JSON Schema of `verification.json` (also at `@ops/restore-verify/verification.schema.json`).
 *
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises'
 * import { verificationJsonSchema } from '@ops/restore-verify'
 *
 * await writeFile('verification.schema.json', JSON.stringify(verificationJsonSchema(), null, 2))
 * ```
 */
export function verificationJsonSchema(): object {
  return { title: 'Drills of a backup set', ...z.toJSONSchema(record) }
}

/** What is wrong with a stored report or record, or the thing itself. */
export type Parsed<T> = { readonly value: T } | { readonly problem: string }

export function parseReport(json: string): Parsed<VerificationReport> {
  return parse(report, json)
}

export function parseRecord(json: string): Parsed<VerificationRecord> {
  return parse(record, json)
}

function parse<T>(schema: z.ZodType<T>, json: string): Parsed<T> {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return { problem: 'it is not JSON' }
  }
  const result = schema.safeParse(value)
  if (result.success) return { value: result.data }
  const issue = result.error.issues[0]!
  return { problem: `${issue.path.join('.') || 'it'}: ${issue.message}` }
}
