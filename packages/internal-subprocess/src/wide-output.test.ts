import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { withWideOutput } from './wide-output.ts'

const run = promisify(execFile)
const hasStdbuf = await run('stdbuf', ['--version']).then(
  () => true,
  () => false,
)
const ARGS = ['-c', 'echo "${_STDBUF_O:-as it is} $1"', 'sh', 'a b']

it('gives a program a larger buffer for its stdout', async (context) => {
  context.skip(!hasStdbuf, 'there is no stdbuf on this machine')
  const { command, args } = await withWideOutput('/bin/sh', ARGS)
  expect((await run(command, args)).stdout).toBe('131072 a b\n')
})

it('starts a program as it is where there is no stdbuf', async () => {
  const { command, args } = await withWideOutput('/bin/sh', ARGS, { PATH: '/nowhere::.' })
  expect(command).toBe('/bin/sh')
  expect((await run(command, args)).stdout).toBe('as it is a b\n')
})

it.each(['/nowhere/pg_dump', 'pg_dump'])(
  'leaves it to the caller to find that there is no %s',
  async (command) => {
    expect(await withWideOutput(command, [])).toEqual({ command, args: [] })
  },
)
