import { setTimeout as sleep } from 'node:timers/promises'
import { formatBytes } from '@ops/internal-cli'
import { isProgramError } from '@ops/internal-subprocess'
import { isBackupError, runPsql } from '@ops/pg-backup'
import { RestoreVerifyError } from './restore-verify-error.ts'
import type { Target } from './targets/target.ts'

const INTERVAL_MS = 2000

/** Data and write-ahead log of the whole server, which has nothing but the drill on it. */
const QUERY = `SELECT (SELECT sum(pg_database_size(oid)) FROM pg_database) + (SELECT coalesce(sum(size), 0) FROM pg_ls_waldir());`

/**
 * Does `work`, and stops it with `VERIFY_NO_SPACE` when the target takes more than it may. `work` gets a
 * signal that is aborted then, too.
 */
export async function withinDiskLimit<T>(
  target: Target,
  { env, signal }: { readonly env: NodeJS.ProcessEnv; readonly signal?: AbortSignal },
  work: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  const limit = target.maxDiskBytes
  if (limit === undefined) return work(signal)
  const [exceeded, done] = [new AbortController(), new AbortController()]
  const watching = watch(target, { env, limit, exceeded, done: done.signal })
  try {
    return await work(AbortSignal.any([exceeded.signal, ...(signal === undefined ? [] : [signal])]))
  } finally {
    done.abort()
    await watching
  }
}

interface Watch {
  readonly env: NodeJS.ProcessEnv
  readonly limit: number
  readonly exceeded: AbortController
  readonly done: AbortSignal
}

async function watch({ connection }: Target, { env, limit, exceeded, done }: Watch): Promise<void> {
  while (!done.aborted) {
    try {
      const used = Number(await runPsql(QUERY, { connection, env, signal: done }))
      if (used > limit) return exceeded.abort(tooMuch(used, limit))
      await sleep(INTERVAL_MS, undefined, { signal: done })
    } catch (error) {
      // A database that vanishes between two of its files, or the end of the work: neither is news.
      if (!done.aborted && !isProgramError(error) && !isBackupError(error)) throw error
      if (!done.aborted) await sleep(INTERVAL_MS, undefined, { signal: done }).catch(() => undefined)
    }
  }
}

function tooMuch(used: number, limit: number): RestoreVerifyError {
  return new RestoreVerifyError(
    'VERIFY_NO_SPACE',
    `the drill's server takes ${formatBytes(used)} and may take ${formatBytes(limit)}, so the drill was stopped; give it more room (--max-disk, --folder)`,
  )
}
