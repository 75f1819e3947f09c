/** What every command prints with `--json` when it fails, on one line: what stderr says, for programs. */
export interface FailedOutput {
  readonly event: 'failed'
  readonly error: {
    /**
     * Of the error, as the package's README lists them; `BAD_USAGE` for wrong flags and arguments,
     * `ABORTED` after a signal, `UNKNOWN` for a defect.
     */
    readonly code: string
    readonly message: string
    /** What the error knows besides; of each code its own. */
    readonly details?: object
  }
}
