/** The part of a test's context that these helpers use. */
export interface SkippableContext {
  skip(note?: string): void
}

/**
 * Skips the test when a server or program that it needs is not on this machine. In continuous
 * integration (`CI` is set) it throws instead: there, a missing server is a broken set-up.
 */
export function needs(context: SkippableContext, condition: boolean, reason: string): void {
  if (condition) return
  const { CI } = process.env
  if (CI !== undefined && CI !== '' && CI !== 'false')
    throw new Error(`in CI no test is skipped for want of a server: ${reason}`)
  context.skip(reason)
}

/**
 * Skips the test when the server that runs lacks an ability (fauxqs knows no conditional writes, for
 * one), in continuous integration too: the same test runs elsewhere on a server that has it.
 */
export function needsCapability(context: SkippableContext, condition: boolean, reason: string): void {
  if (!condition) context.skip(reason)
}
