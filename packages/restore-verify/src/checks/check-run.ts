import type { CheckName, CheckOutcome, Difference } from '../report.ts'

/** What a check found. */
export interface Findings {
  readonly differences?: readonly Difference[]
  /** Why it could not be made. */
  readonly skipped?: string
  /** Worth saying although nothing is wrong. */
  readonly note?: string
}

/** Makes checks one after the other, each timed, and keeps what they found. */
export interface CheckRun {
  /** Makes a check unless it is switched off. Resolves to false when it failed. */
  make(check: CheckName, work: () => Findings | Promise<Findings>): Promise<boolean>
  isOn(check: CheckName): boolean
  /** One outcome for each of `names`; those that were not made are skipped because of `because`. */
  outcomes(names: readonly CheckName[], because: string): CheckOutcome[]
  readonly differences: readonly Difference[]
}

export function createCheckRun(off: ReadonlySet<CheckName>): CheckRun {
  const made = new Map<CheckName, CheckOutcome>()
  const differences: Difference[] = []
  return {
    differences,
    isOn: (check) => !off.has(check),
    async make(check, work) {
      if (off.has(check)) return true
      const begun = performance.now()
      const found = await work()
      const count = found.differences?.length ?? 0
      for (const each of found.differences ?? []) differences.push(each)
      const reason = found.skipped ?? found.note
      made.set(check, {
        check,
        result: count > 0 ? 'fail' : found.skipped === undefined ? 'pass' : 'skipped',
        ...(reason === undefined ? {} : { reason }),
        durationMs: performance.now() - begun,
        differences: count,
      })
      return count === 0
    },
    outcomes: (names, because) =>
      names.map(
        (check) =>
          made.get(check) ?? {
            check,
            result: 'skipped',
            reason: off.has(check) ? 'switched off' : because,
            durationMs: 0,
            differences: 0,
          },
      ),
  }
}
