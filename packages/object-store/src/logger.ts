/** Where a store says what it does beyond its results; called as pino is. Silent by default. */
export interface Logger {
  /** What helps to find a fault. */
  readonly debug?: (fields: object, message: string) => void
  /** What happened as it should. */
  readonly info: (fields: object, message: string) => void
  /** What somebody should look at. */
  readonly warn: (fields: object, message: string) => void
  /** What failed. */
  readonly error: (fields: object, message: string) => void
}
