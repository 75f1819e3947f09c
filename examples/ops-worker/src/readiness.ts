import { errorMessage } from '@ops/internal-error'
import { runPsql } from '@ops/pg-backup'
import type { Config } from './config-schema.ts'
import type { Answer } from './http-server.ts'
import type { Worker } from './open-worker.ts'

const LOOK_EVERY_MS = 15_000
const PATIENCE_MS = 10_000

/** Whether store and server answer; they are asked at most every 15 s. */
export function createReadiness(
  { cluster, postgres }: Config,
  { store, env }: Worker,
): () => Promise<Answer> {
  let looked: { readonly at: number; readonly answer: Promise<Answer> } | undefined
  const look = async (): Promise<Answer> => {
    const signal = AbortSignal.timeout(PATIENCE_MS)
    const answers = await Promise.all([
      problemOf('store', store.head(`${cluster}/worker/ready`, { signal })),
      problemOf('postgres', runPsql('SELECT 1', { connection: postgres, env, signal })),
    ])
    const problems = answers.filter((problem) => problem !== undefined)
    return { status: problems.length === 0 ? 200 : 503, body: `${problems.join('\n') || 'ready'}\n` }
  }
  return () => {
    if (looked === undefined || performance.now() - looked.at > LOOK_EVERY_MS)
      looked = { at: performance.now(), answer: look() }
    return looked.answer
  }
}

async function problemOf(what: string, asked: Promise<unknown>): Promise<string | undefined> {
  return asked.then(
    () => undefined,
    (error: unknown) => `${what}: ${errorMessage(error)}`,
  )
}
