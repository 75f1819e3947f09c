import { describe, expect, it } from 'vitest'
import { ProgramError, runProgram, startProgram } from './index.ts'

const node = (script: string): string[] => ['-e', script]
const run = (script: string, signal?: AbortSignal): Promise<string> =>
  runProgram(process.execPath, { args: node(script), signal })

describe('a child process', () => {
  it('gives its output when it ends with 0', async () => {
    expect(await run('console.log("done")')).toBe('done\n')
  })

  it('fails with its exit code and the tail of its stderr', async () => {
    const error = await run('console.error("x".repeat(10000) + " the end"); process.exitCode = 7').catch(
      (each: unknown) => each,
    )
    expect(error).toBeInstanceOf(ProgramError)
    expect(error).toMatchObject({ exitCode: 7, endedBy: null })
    expect((error as ProgramError).stderrTail).toMatch(/x the end$/)
    expect((error as ProgramError).stderrTail.length).toBeLessThanOrEqual(4096)
  })

  it('fails with the signal that killed it', async () => {
    await expect(run('process.kill(process.pid, "SIGKILL")')).rejects.toMatchObject({
      exitCode: null,
      endedBy: 'SIGKILL',
    })
  })

  it('fails clearly when there is no such program', async () => {
    await expect(runProgram('/nowhere/pg_dump', { args: [] })).rejects.toThrow('pg_dump was not found')
  })

  it('never repeats its arguments or its environment in a message', async () => {
    const env = { ...process.env, PGPASSWORD: 'hunter2' }
    const failure = runProgram(process.execPath, { args: node('process.exitCode = 1 // hunter2'), env })
    await expect(failure).rejects.not.toThrow('hunter2')
  })

  it('is gone when an abort has been reported, even if it ignores SIGTERM', async () => {
    const controller = new AbortController()
    const program = startProgram(process.execPath, {
      args: node('process.on("SIGTERM", () => {}); console.log(process.pid); setInterval(() => {}, 1000)'),
      signal: controller.signal,
    })
    const pid = Number(
      String(await new Promise<Buffer>((resolve) => void program.stdout.once('data', resolve))),
    )
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(program.exited).rejects.toBe(reason)
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  }, 15_000)

  it('can be killed while nobody reads its output', async () => {
    const program = startProgram(process.execPath, {
      args: node('for (;;) process.stdout.write("x".repeat(65536))'),
    })
    await program.kill()
    await expect(program.exited).rejects.toBeInstanceOf(ProgramError)
  })

  it('hands stderr on by whole lines', async () => {
    const lines: string[] = []
    const program = startProgram(process.execPath, {
      args: node('process.stderr.write("one\\ntw"); setTimeout(() => process.stderr.write("o\\nlast"), 50)'),
      onStderrLine: (line) => lines.push(line),
    })
    await program.exited
    expect(lines).toEqual(['one', 'two', 'last'])
  })
})
