import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { dockerAvailable, needs } from '@ops/testbed'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { COMPLETION_CASES } from './completion-cases.ts'

const run = promisify(execFile)
const CLI = fileURLToPath(new URL('sample-cli.ts', import.meta.url))
const DOCKER_FOLDER = join(import.meta.dirname, 'docker')
const IMAGE = 'ops-internal-cli-shells'

let folder: string
let hasDocker = false

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ops-completion-'))
  hasDocker = await dockerAvailable()
  if (!hasDocker) return
  await run('docker', ['build', '--tag', IMAGE, DOCKER_FOLDER], { maxBuffer: 2 ** 26 })
  for (const shell of ['zsh', 'fish']) {
    const { stdout } = await run(process.execPath, [CLI, 'completion', shell])
    await writeFile(join(folder, `completion.${shell}`), stdout)
  }
  await mkdir(join(folder, 'files'))
  for (const name of ['file one', 'file-two']) await writeFile(join(folder, 'files', name), '')
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** What the shell offers for each case, by what was typed. */
async function offers(...driver: string[]): Promise<Record<string, string[]>> {
  const mounts = [
    '--volume',
    `${folder}:/work`,
    '--volume',
    `${DOCKER_FOLDER}:/drivers:ro`,
    '--workdir',
    '/work/files',
  ]
  const typed = COMPLETION_CASES.map(([line]) => line)
  const { stdout } = await run('docker', ['run', '--rm', ...mounts, IMAGE, ...driver, ...typed])
  const sections = stdout.split('typed: ').slice(1)
  return Object.fromEntries(
    sections.map((section) => {
      const [line, ...words] = section.split(/\r?\n/)
      // A blank in the name of a file comes as the shell writes it.
      const offered = words.filter((word) => word !== '').map((word) => word.replaceAll('\\ ', ' '))
      return [line, [...new Set(offered)].toSorted()]
    }),
  )
}

it.for([
  ['zsh', '-f', '/drivers/complete.zsh'],
  ['fish', '--no-config', '/drivers/complete.fish'],
])('%s completes commands, options, choices and files', async (driver, context) => {
  needs(context, hasDocker, 'no Docker engine answers')
  expect(await offers(...driver)).toEqual(Object.fromEntries(COMPLETION_CASES))
})
