import { appendFileSync } from 'node:fs'
import type { SerializedError, TestCase, TestModule, TestSuite, Vitest } from 'vitest/node'

interface Counts {
  passed: number
  failed: number
}

/**
 * Keeps a promise of CONTRIBUTING.md: every skipped test says why (`context.skip('why')`), and one
 * that does not fails the run. It also adds a line `PASSED FAILED FILE` for each test file to the
 * file named in OPS_TEST_COUNTS, from which `.ci/run` makes its closing line.
 */
class OpsReporter {
  #vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const unexplained = this.#reportSkipped(modules.flatMap((module) => [...module.children.allTests()]))
    const file = process.env['OPS_TEST_COUNTS']
    if (file === undefined) return
    const lines = modules.map((module) => {
      const { passed, failed } = countTests(module)
      return `${passed} ${failed} ${module.relativeModuleId}\n`
    })
    // What belongs to no test file: errors that nobody handled, and skipped tests without a reason.
    appendFileSync(file, `${lines.join('')}0 ${unhandled.length + unexplained} -\n`)
  }

  /** Says why tests were skipped; returns how many did not say, and makes the run fail for them. */
  #reportSkipped(tests: readonly TestCase[]): number {
    // `vitest -t pattern` skips all other tests; nobody needs to be told.
    if (this.#vitest?.getGlobalTestNamePattern() !== undefined) return 0
    let unexplained = 0
    for (const test of tests) {
      const result = test.result()
      if (result.state !== 'skipped' || isInBrokenSuite(test)) continue
      if (result.note === undefined) unexplained += 1
      process.stderr.write(
        `skipped: ${test.module.relativeModuleId} > ${test.fullName}: ${result.note ?? 'WITHOUT A REASON'}\n`,
      )
    }
    if (unexplained > 0) {
      process.stderr.write(`${unexplained} skipped without a reason: say it with context.skip('why')\n`)
      process.exitCode = 1
    }
    return unexplained
  }
}

function countTests(module: TestModule): Counts {
  const counts: Counts = { passed: 0, failed: 0 }
  for (const part of [module, ...module.children.allSuites()])
    if (part.errors().length > 0) counts.failed += 1
  for (const test of module.children.allTests()) {
    const { state } = test.result()
    if (state === 'passed') counts.passed += 1
    // One that never ended is as bad as one that failed.
    else if (state !== 'skipped') counts.failed += 1
  }
  return counts
}

/** After a failed `beforeAll`, vitest reports the suite as failed and its tests as skipped. */
function isInBrokenSuite(test: TestCase): boolean {
  let parent: TestSuite | TestModule = test.parent
  while (parent.type === 'suite' && parent.errors().length === 0) parent = parent.parent
  return parent.errors().length > 0
}

export default OpsReporter
