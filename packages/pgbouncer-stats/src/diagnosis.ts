/** One thing that is wrong, and what to do about it. */
export interface Diagnosis {
  /** Stable; see the README's table. */
  readonly code: string
  readonly severity: 'critical' | 'warning' | 'note'
  /** `database/user`, a database, or PgBouncer itself. */
  readonly subject: string
  /** In plain words. */
  readonly message: string
  readonly evidence: Readonly<Record<string, number | string>>
  readonly nextStep: string
}
