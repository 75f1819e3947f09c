import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile, chmod } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { dockerAvailable, needs } from '@ops/testbed'
import { expect, it } from 'vitest'
import { dashboardQueries } from '../src/index.ts'

const run = promisify(execFile)
const PROMETHEUS = fileURLToPath(new URL('../../prometheus', import.meta.url))

it('every query is PromQL, as promtool reads it', async (context) => {
  needs(context, await dockerAvailable(), 'no Docker engine answers')
  const folder = await mkdtemp(join(tmpdir(), 'queries-test-'))
  try {
    await chmod(folder, 0o755)
    // JSON is YAML.
    const rules = dashboardQueries().map(({ expr }, n) => ({ record: `query${n}`, expr }))
    await writeFile(join(folder, 'rules.yml'), JSON.stringify({ groups: [{ name: 'queries', rules }] }))
    const { stdout: image } = await run('docker', [
      'build',
      '--quiet',
      '--label',
      'ops.testbed=image',
      PROMETHEUS,
    ])
    const { stdout } = await run('docker', [
      'run',
      '--rm',
      '--network=none',
      `--volume=${folder}:/rules:ro`,
      '--entrypoint=promtool',
      image.trim(),
      'check',
      'rules',
      '/rules/rules.yml',
    ])
    expect(stdout).toContain(`SUCCESS: ${rules.length} rules found`)
  } finally {
    await rm(folder, { recursive: true })
  }
})
