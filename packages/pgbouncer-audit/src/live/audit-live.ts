import { errorMessage } from '@ops/internal-error'
import { PgbouncerAuditError } from '../errors.ts'
import { createProfile, type Profile, type ProfileInput } from '../profile.ts'
import { RULES } from '../rules/index.ts'
import { readStatements } from '../sql/statements.ts'
import { literalSql } from '../sql/text.ts'
import { loadGrammar } from '../sql/grammar.ts'
import type { LiveConnection } from './live-client.ts'
import { LIVE_CHECKS } from './live-checks.ts'
import { findStartupRefusals } from './startup-refusals.ts'

export type { LiveConnection } from './live-client.ts'

/** One hazard seen in a running database. Plain data. */
export interface LiveFinding {
  readonly ruleId: string
  readonly severity: 'error' | 'warning'
  readonly confidence: 'high' | 'medium' | 'low'
  /** Where it was seen: `pg_locks`, `pg_stat_statements`, … */
  readonly source: string
  /** The backend, role, database or query concerned. */
  readonly subject: string
  readonly message: string
  readonly why: string
  readonly fix: string
}

/** Options of {@link auditLive}. */
export interface LiveAuditOptions {
  /** A direct connection to the database behind PgBouncer, with the rights of `pg_monitor`. */
  readonly connection: LiveConnection
  /** What PgBouncer is taken to be; what depends on something unknown is a warning. */
  readonly profile?: ProfileInput
  /**
   * Roles that go past PgBouncer, such as those of backups and monitoring: what `pg_stat_statements` has of them
   * is left out. @default none
   */
  readonly excludeRoles?: readonly string[]
  /** The text of PgBouncer's log, which alone says whom it refused. @default not looked at */
  readonly pgbouncerLog?: string
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
}

/** What {@link auditLive} found. */
export interface LiveAuditResult {
  readonly findings: readonly LiveFinding[]
  readonly profile: Profile
  /** What could not be looked at, and why. */
  readonly skipped: readonly { readonly source: string; readonly reason: string }[]
}

/**
 * Looks for what does not survive transaction mode in a running database. Reads only. Rejects with
 * `AUDIT_LIVE_FAILED` when the database does not answer.
 *
 * @example
 * ```ts
 * import pg from 'pg'
 * import { auditLive } from '@ops/pgbouncer-audit'
 *
 * const client = new pg.Client({ connectionString: process.env['DATABASE_URL'] })
 * await client.connect()
 * const { findings, skipped } = await auditLive({ connection: client })
 * console.log(findings, skipped)
 * await client.end()
 * ```
 */
export async function auditLive(options: LiveAuditOptions): Promise<LiveAuditResult> {
  await loadGrammar()
  const { connection, signal } = options
  const profile = createProfile(options.profile)
  await answers(connection)
  const findings: LiveFinding[] = []
  const skipped: { source: string; reason: string }[] = []
  for (const check of LIVE_CHECKS) {
    signal?.throwIfAborted()
    try {
      const { rows } = await connection.query(check.sql)
      for (const row of rows)
        findings.push(...check.judge(row, profile).map((hit) => describe(check.source, hit)))
    } catch (error) {
      skipped.push({ source: check.source, reason: errorMessage(error) })
    }
  }
  const statements = await auditStatements(options, profile, skipped)
  const refusals = options.pgbouncerLog === undefined ? [] : findStartupRefusals(options.pgbouncerLog)
  return {
    findings: [...findings, ...statements, ...refusals],
    profile,
    skipped,
  }
}

async function answers(connection: LiveConnection): Promise<void> {
  try {
    await connection.query('SELECT 1')
  } catch (error) {
    throw new PgbouncerAuditError(
      'AUDIT_LIVE_FAILED',
      `the database does not answer: ${errorMessage(error)}; check the connection`,
      {
        cause: error,
      },
    )
  }
}

interface LiveHit {
  readonly ruleId: string
  readonly severity: 'error' | 'warning'
  readonly confidence: 'high' | 'medium' | 'low'
  readonly subject: string
  readonly message: string
}

function describe(source: string, hit: LiveHit): LiveFinding {
  const rule = RULES.find((each) => each.id === hit.ruleId)
  return { ...hit, source, why: rule?.why ?? '', fix: rule?.fix ?? '' }
}

/** Statements as PostgreSQL counted them, judged by the same rules as source code. */
async function auditStatements(
  { connection, excludeRoles = [] }: LiveAuditOptions,
  profile: Profile,
  skipped: { source: string; reason: string }[],
): Promise<LiveFinding[]> {
  const source = 'pg_stat_statements'
  const callsOf = new Map<string, bigint>()
  try {
    const sql = `SELECT query, rolname AS role, sum(calls)::bigint AS calls FROM pg_stat_statements s
      JOIN pg_database d ON d.oid = s.dbid LEFT JOIN pg_roles r ON r.oid = s.userid
      WHERE d.datname = current_database() GROUP BY query, rolname`
    for (const { query, role, calls } of (await connection.query(sql)).rows) {
      if (excludeRoles.includes(String(role))) continue
      callsOf.set(String(query), (callsOf.get(String(query)) ?? 0n) + BigInt(String(calls)))
    }
  } catch (error) {
    skipped.push({ source, reason: errorMessage(error) })
    return []
  }
  return [...callsOf].flatMap(([query, calls]) => {
    // PgBouncer itself sends this one to hand a backend from client to client.
    if (/^\s*SET\s+application_name\b/i.test(query)) return []
    const batch = readStatements(literalSql(query), { isCertainlySql: true })
    const statements = batch.map((statement) => ({
      statement,
      transaction: 'unknown' as const,
      isDirect: false,
      confidence: 'medium' as const,
      batch,
      droppedLater: new Set<string>(),
    }))
    return RULES.flatMap((rule) =>
      [...rule.check({ statements, facts: [] }, profile)].map(({ message, severity, confidence }) =>
        describe(source, {
          ruleId: rule.id,
          severity,
          confidence,
          subject: query,
          message: `${message} (${calls} calls)`,
        }),
      ),
    )
  })
}
