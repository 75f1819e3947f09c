import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { findProgram, needs } from '@ops/testbed'
import { describe, expect, it } from 'vitest'
import { falseErrors, SAMPLE, withEverySetting } from './sample-config.ts'

describe("PgBouncer's own sample file on this machine", () => {
  it('has no error, as it is and with every setting that it shows switched on', (context) => {
    const program = findProgram('pgbouncer')
    needs(context, program !== undefined && existsSync(SAMPLE), `PgBouncer or ${SAMPLE} is not there`)
    const version = /\d+\.\d+\.\d+/.exec(execFileSync(program!, ['--version'], { encoding: 'utf8' }))![0]
    const sample = readFileSync(SAMPLE, 'utf8')
    expect(withEverySetting(sample).length).toBeLessThan(sample.length - 20)
    expect(falseErrors(sample, version)).toEqual([])
  })
})
