import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { dockerAvailable, needs } from '@ops/testbed'
import { beforeAll, describe, expect, it } from 'vitest'

const run = promisify(execFile)
const FOLDER = fileURLToPath(new URL('..', import.meta.url))

let image: string

beforeAll(async () => {
  if (!(await dockerAvailable())) return
  const { stdout } = await run('docker', ['build', '--quiet', '--label', 'ops.testbed=image', FOLDER])
  image = stdout.trim()
})

async function promtool(...args: string[]): Promise<string> {
  const { stdout } = await run(
    'docker',
    [
      'run',
      '--rm',
      '--network=none',
      `--volume=${FOLDER}:/prometheus:ro`,
      '--workdir=/prometheus',
      image,
    ].concat('promtool', args),
  )
  return stdout
}

const filesIn = async (folder: string): Promise<string[]> =>
  (await readdir(`${FOLDER}/${folder}`)).map((name) => `${folder}/${name}`)

// They take seconds; on a machine that does much else, containers start slowly.
describe('the alerts', { timeout: 900_000 }, () => {
  it('are rules that Prometheus takes', async (context) => {
    needs(context, await dockerAvailable(), 'no Docker engine answers')
    expect(await promtool('check', 'rules', ...(await filesIn('alerts')))).toContain(
      'SUCCESS: 13 rules found',
    )
  })

  it('fire when they should, and are silent when they should be', async (context) => {
    needs(context, await dockerAvailable(), 'no Docker engine answers')
    const tests = await filesIn('tests')
    const output = await promtool('test', 'rules', ...tests)
    expect(output.match(/SUCCESS/g)).toHaveLength(tests.length)
  })
})
