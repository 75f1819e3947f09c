import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { COMPLETION_CASES } from './completion-cases.ts'

const run = promisify(execFile)
const CLI = fileURLToPath(new URL('sample-cli.ts', import.meta.url))

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ops-completion-'))
  const { stdout } = await run(process.execPath, [CLI, 'completion', 'bash'])
  await writeFile(join(folder, 'completion.bash'), stdout)
  for (const name of ['file one', 'file-two']) await writeFile(join(folder, name), '')
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/**
 * Calls the function that the script registers as bash does, and prints what it offers. Where it asks
 * bash for file names, `compopt` is called, which works only in a completion; here it notes that it was.
 */
const DRIVER = `
set -u
source ./completion.bash
files=
compopt() { [ "$*" = '-o default' ] && files=1; }
typed=$1
read -ra COMP_WORDS <<<"$typed"
case $typed in *' ') COMP_WORDS+=('') ;; esac
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
spec=$(complete -p sample-cli)
function=\${spec#*-F } function=\${function%% *}
"$function" sample-cli "\${COMP_WORDS[COMP_CWORD]}" ''
if [ -n "$files" ]; then compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"; fi
for each in "\${COMPREPLY[@]+"\${COMPREPLY[@]}"}"; do printf '%s\\n' "$each"; done
`

async function offered(typed: string): Promise<string[]> {
  const { stdout, stderr } = await run('bash', ['--norc', '-c', DRIVER, 'bash', typed], { cwd: folder })
  expect(stderr).toBe('')
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .toSorted()
}

describe('bash completes', () => {
  it.each(COMPLETION_CASES.map(([typed, offers]) => ({ typed, offers })))(
    '$typed',
    async ({ typed, offers }) => {
      const all = await offered(typed)
      // Bash offers options too where there is nothing else to say.
      expect(offers.length === 0 ? all.filter((each) => !each.startsWith('-')) : all).toEqual(offers)
    },
  )
})

it('an unknown shell is bad usage', async () => {
  await expect(run(process.execPath, [CLI, 'completion', 'tcsh'])).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('bash, zsh, fish') as string,
  })
})
