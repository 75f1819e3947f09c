import { setTimeout as sleep } from 'node:timers/promises'
import { errorCode } from './error-code.ts'
import type { ServerRuntime } from './runtime.ts'

const POLL_MS = 40
const LOG_TAIL_CHARACTERS = 4000
// 57P03 is PostgreSQL's cannot_connect_now.
const STARTING_UP_CODES = new Set([
  '57P03',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'ETIMEDOUT',
  'UND_ERR_SOCKET',
])

/**
 * Asks until the server answers, and returns its answer. Gives up, with the server's log, when the
 * server has ended or the time is over; at once, when the answer is a refusal.
 */
export async function untilAnswered<Answer>(
  runtime: ServerRuntime,
  ask: () => Promise<Answer>,
  withinMs = 60_000,
): Promise<Answer> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const hadExited = await runtime.hasExited()
    try {
      return await ask()
    } catch (error) {
      if (hadExited) throw await failure('the server ended while it started', runtime, error)
      if (!isStartingUp(error)) throw error
      if (Date.now() > deadline) throw await failure(`no answer within ${withinMs} ms`, runtime, error)
      await sleep(POLL_MS)
    }
  }
}

async function failure(what: string, runtime: ServerRuntime, cause: unknown): Promise<Error> {
  const log = (await runtime.logText()).trim().slice(-LOG_TAIL_CHARACTERS)
  return new Error(`${what}; its log ends with:\n${log}`, { cause })
}

function isStartingUp(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = errorCode(error) ?? errorCode(error.cause)
  return (
    (code !== undefined && STARTING_UP_CODES.has(code)) ||
    /Connection terminated|timeout/i.test(error.message)
  )
}
