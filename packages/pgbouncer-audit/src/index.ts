/**
 * Find what breaks behind PgBouncer in transaction mode: in source code and in a live database.
 * @module @ops/pgbouncer-audit
 */
export {
  auditSource,
  type AuditResult,
  type AuditSourceOptions,
  type AuditStats,
  type SourceFile,
} from './audit-source.ts'
export { isPgbouncerAuditError, PGBOUNCER_AUDIT_ERROR_CODES, PgbouncerAuditError } from './errors.ts'
export type { PgbouncerAuditErrorCode, PgbouncerAuditErrorDetails } from './errors.ts'
export type { Finding, Severity, Warning } from './finding.ts'
export { createProfile, type Profile, type ProfileInput } from './profile.ts'
export { RULES } from './rules/index.ts'
export type { Hit, Rule } from './rules/rule.ts'
export type { Confidence, LibraryFact, PlacedFact, PlacedStatement, StartupParameter, Unit } from './unit.ts'
export {
  auditLive,
  type LiveAuditOptions,
  type LiveAuditResult,
  type LiveConnection,
  type LiveFinding,
} from './live/audit-live.ts'
export { readLiveProfile } from './live/live-profile.ts'
export { createBaseline, withoutBaseline, type Baseline } from './baseline.ts'
export { parsePgbouncerIni } from './pgbouncer-ini.ts'
