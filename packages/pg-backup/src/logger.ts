/** The four methods of pino, called `(fields, message)`. */
export interface Logger {
  /** What helps to find a fault. */
  debug(fields: object, message: string): void
  /** What happened as it should. */
  info(fields: object, message: string): void
  /** What somebody should look at. */
  warn(fields: object, message: string): void
  /** What failed. */
  error(fields: object, message: string): void
}
