import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { dockerAvailable, needs } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { COMPLETION_CASES } from './completion-cases.ts'

const run = promisify(execFile)
const CLI = join(import.meta.dirname, 'sample-cli.ts')
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

/** Runs a program of the image, with the scripts in /work, and returns its lines. */
async function inShell(...command: string[]): Promise<string[]> {
  const mounts = ['--volume', `${folder}:/work`, '--volume', `${DOCKER_FOLDER}:/drivers:ro`]
  const { stdout } = await run('docker', [
    'run',
    '--rm',
    ...mounts,
    '--workdir',
    '/work/files',
    IMAGE,
    ...command,
  ])
  return stdout.split(/\r?\n/).filter((line) => line !== '')
}

/** As the shells write a blank in a file's name. */
const unescape = (word: string): string => word.replaceAll('\\ ', ' ')

const cases = COMPLETION_CASES.map(([typed, offers]) => ({ typed, offers }))

describe('zsh completes', () => {
  it.for(cases)('$typed', async ({ typed, offers }, context) => {
    needs(context, hasDocker, 'no Docker engine answers')
    const offered = await inShell('zsh', '-f', '/drivers/complete.zsh', typed)
    expect([...new Set(offered.map(unescape))].toSorted()).toEqual(offers)
  })
})

describe('fish completes', () => {
  it.for(cases)('$typed', async ({ typed, offers }, context) => {
    needs(context, hasDocker, 'no Docker engine answers')
    const script = 'source /work/completion.fish; complete --do-complete $argv[1]'
    const offered = await inShell('fish', '--no-config', '--command', script, typed)
    expect(offered.map((line) => unescape(line.split('\t')[0]!)).toSorted()).toEqual(offers)
  })
})
