import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { dockerAvailable, needs, PGBOUNCER_SUITES } from '@ops/testbed'
import { describe, expect, it } from 'vitest'
import { falseErrors, SAMPLE, withEverySetting } from './sample-config.ts'

const run = promisify(execFile)
const FOLDER = fileURLToPath(new URL('../../../docker/pgbouncer', import.meta.url))

describe("PgBouncer's own sample file in Debian's packages", () => {
  it.for(Object.entries(PGBOUNCER_SUITES))('of %s has no error', async ([version, suite], context) => {
    needs(context, await dockerAvailable(), 'no Docker engine answers')
    const { stdout: image } = await run('docker', [
      'build',
      '-q',
      '--label',
      'ops.testbed=image',
      '--build-arg',
      `SUITE=${suite}`,
      FOLDER,
    ])
    const inImage = async (...command: string[]): Promise<string> => {
      const { stdout } = await run('docker', ['run', '--rm', '--network', 'none', image.trim(), ...command])
      return stdout
    }
    const release = /\d+\.\d+\.\d+/.exec(await inImage('pgbouncer', '--version'))![0]
    expect(release).toContain(version)
    const sample = await inImage('cat', SAMPLE)
    expect(withEverySetting(sample).length).toBeLessThan(sample.length - 20)
    expect(falseErrors(sample, release)).toEqual([])
  })
})
