/** Where a store says what it does beyond its results; called as pino is. Silent by default. */
export interface Logger {
  readonly debug?: (fields: object, message: string) => void
  readonly info: (fields: object, message: string) => void
  readonly warn: (fields: object, message: string) => void
  readonly error: (fields: object, message: string) => void
}
