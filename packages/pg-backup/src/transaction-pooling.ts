import { createInterface } from 'node:readline'
import { BackupError } from './backup-error.ts'
import { describeConnection } from './connection.ts'
import { startPsql, type PsqlOptions } from './run-psql.ts'

/** Names the server process behind a session; the time tells the processes of two servers apart. */
const WHO = `SELECT pg_backend_pid() || ' since ' || pg_postmaster_start_time();\n`
/**
 * Which of the two sessions is asked when. A pool that takes the server process that it used last
 * gives it to both; one that takes its processes in turn gives one session two of them.
 */
const ORDER = [0, 0, 1, 1, 0, 1] as const
/** A second session that does not come by then (a pool of one, a connection limit) proves nothing. */
const ANSWER_TIMEOUT_MS = 5000

/**
 * Rejects with `BACKUP_TRANSACTION_POOLING` when a pooler hands sessions of this connection another
 * server process for each transaction. That is seen, not guessed: two sessions that are open at the
 * same time have the same server process, or one session has two. PostgreSQL itself, and a pooler in
 * session mode, give each session a process of its own until it ends.
 */
export async function refuseTransactionPooling(options: PsqlOptions): Promise<void> {
  const end = new AbortController()
  const signal = options.signal === undefined ? end.signal : AbortSignal.any([options.signal, end.signal])
  const sessions = [openSession({ ...options, signal }), openSession({ ...options, signal })]
  for (const session of sessions) session.catch(() => undefined)
  const timer = setTimeout(() => end.abort(), ANSWER_TIMEOUT_MS)
  try {
    const ask = async (session: 0 | 1): Promise<string> => await (await sessions[session]!).ask(WHO)
    const processes: (string | undefined)[] = []
    for (const asked of ORDER) {
      const process = await ask(asked)
      const other = asked === 0 ? 1 : 0
      if (processes[other] === process) {
        // Proves something only if the other is still there: in a pool of one this session follows it.
        await ask(other)
        signal.throwIfAborted()
        throw transactionPooling(options, process)
      }
      if ((processes[asked] ?? process) !== process) throw transactionPooling(options, process)
      processes[asked] = process
    }
  } catch (error) {
    options.signal?.throwIfAborted()
    if (error instanceof BackupError) throw error
  } finally {
    clearTimeout(timer)
    for (const session of await Promise.allSettled(sessions))
      if (session.status === 'fulfilled') await session.value.close()
  }
}

interface Session {
  ask(statement: string): Promise<string>
  close(): Promise<void>
}

async function openSession(options: PsqlOptions): Promise<Session> {
  const psql = await startPsql(options)
  const lines = createInterface({ input: psql.stdout })[Symbol.asyncIterator]()
  return {
    ask: async (statement) => {
      psql.stdin.write(statement)
      const { value, done } = await lines.next()
      if (done === true) throw new Error('psql ended')
      return value
    },
    close: async () => {
      psql.stdin.end()
      await psql.exited.catch(() => undefined)
    },
  }
}

function transactionPooling({ connection, env }: PsqlOptions, process: string): BackupError {
  return new BackupError(
    'BACKUP_TRANSACTION_POOLING',
    `${describeConnection(connection, env)} is a pooler in transaction mode (sessions took turns on the server process ${process}), ` +
      'and a dump needs a session of its own: connect to PostgreSQL itself, or to a pool in session mode',
  )
}
