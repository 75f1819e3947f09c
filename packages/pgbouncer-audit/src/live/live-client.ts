/** The part of a `pg` client or pool that the live audit needs. */
export interface LiveConnection {
  /** Runs one statement, as `pg` does. */
  query(text: string): Promise<{ rows: readonly Record<string, unknown>[] }>
}
