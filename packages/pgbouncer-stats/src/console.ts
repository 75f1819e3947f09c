import { targetName, type ConnectionOptions } from './connection-options.ts'
import { PgBouncerStatsError, type PgBouncerStatsErrorCode } from './error.ts'
import { logIn, NoPasswordError, ServerRefusedError, unexpected } from './wire-login.ts'
import {
  decodeColumnNames,
  decodeFields,
  decodeRow,
  queryMessage,
  terminateMessage,
  WireFormatError,
} from './wire-messages.ts'
import { openWireSocket, TlsRefusedError, type WireSocket } from './wire-socket.ts'

/** What one admin command gave: text as PgBouncer wrote it, `null` where it said NULL. */
export interface ConsoleResult {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (string | null)[])[]
}

/** Options of a query on PgBouncer's console. */
export interface QueryOptions {
  /** Rejects with `signal.reason`, and closes the connection, since an answer may still come. */
  readonly signal?: AbortSignal
  /** From the call to the last row, connecting included. @default 5000 */
  readonly timeoutMs?: number
}

/**
 * PgBouncer's admin console. One connection, opened when first needed, kept, and opened again after
 * it was lost; one command at a time; simple protocol only, which is all the console understands.
 */
export interface PgBouncerConsole {
  /** `host:port` or the socket's path. */
  readonly target: string
  /** Runs one command; see the README's table for what it rejects with. */
  query(command: string, options?: QueryOptions): Promise<ConsoleResult>
  /** Closes the connection; a later `query` opens a new one. */
  close(): void
  /** Closes the connection. */
  [Symbol.asyncDispose](): Promise<void>
}

/** A long answer is bounded, whoever gives it. 100,000 pools need about 15 MB. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024
/** What a message takes in memory beside its bytes: an endless answer of empty rows is bounded as well. */
const MESSAGE_OVERHEAD_BYTES = 64
const DEFAULT_TIMEOUT_MS = 5000

/**
 * Does not connect yet; the first `query` does.
 *
 * @example
 * ```ts
 * import { openConsole } from '@ops/pgbouncer-stats'
 *
 * await using pgbouncer = openConsole({ host: 'localhost', user: 'admin', sslMode: 'verify-full' })
 * await pgbouncer.query('RELOAD', { timeoutMs: 2000 })
 * ```
 */
export function openConsole(connection: ConnectionOptions): PgBouncerConsole {
  const target = targetName(connection)
  let socket: WireSocket | undefined
  let last: Promise<unknown> = Promise.resolve()

  const close = (): void => {
    if (socket?.isOpen === true) socket.send(terminateMessage())
    socket?.destroy()
    socket = undefined
  }

  const run = async (command: string, signal: AbortSignal): Promise<ConsoleResult> => {
    signal.throwIfAborted()
    const reused = socket?.isOpen === true
    try {
      socket = reused ? socket : await connectConsole(connection, target, signal)
      return await ask(socket!, command, signal)
    } catch (error) {
      if (!(error instanceof ServerRefusedError)) {
        socket?.destroy()
        socket = undefined
      }
      // A kept connection may have died since it was last used; that is no news about PgBouncer now.
      if (reused && isPlainLoss(error) && !signal.aborted) return run(command, signal)
      throw error
    }
  }

  const query = async (command: string, options: QueryOptions = {}): Promise<ConsoleResult> => {
    const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = options
    const deadline = AbortSignal.timeout(timeoutMs)
    const combined = signal === undefined ? deadline : AbortSignal.any([signal, deadline])
    const turn = last
    const result = turn.then(() => run(command, combined))
    last = result.catch(() => undefined)
    try {
      return await abortable(result, combined)
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason
      throw explain(error, { target, command, timeoutMs, timedOut: deadline.aborted })
    }
  }

  return {
    target,
    query,
    close,
    [Symbol.asyncDispose]: async () => {
      await last
      close()
    },
  }
}

async function connectConsole(
  connection: ConnectionOptions,
  target: string,
  signal: AbortSignal,
): Promise<WireSocket> {
  let socket: WireSocket
  try {
    socket = await openWireSocket(connection, signal)
  } catch (error) {
    if (signal.aborted || error instanceof WireFormatError || error instanceof TlsRefusedError) throw error
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message
    throw failure(
      'PGBOUNCER_UNREACHABLE',
      `no PgBouncer answers at ${target}: ${reason}; check host, port, and that it runs`,
      {
        target,
        cause: error,
      },
    )
  }
  const onAbort = (): void => socket.destroy()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await logIn(socket, connection)
    return socket
  } catch (error) {
    socket.destroy()
    if (error instanceof ServerRefusedError) throw explainRefusedLogin(error, connection, target)
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function ask(socket: WireSocket, command: string, signal: AbortSignal): Promise<ConsoleResult> {
  const onAbort = (): void => socket.destroy()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    socket.send(queryMessage(command))
    return await readAnswer(socket)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function readAnswer(socket: WireSocket): Promise<ConsoleResult> {
  let columns: string[] = []
  const rows: (string | null)[][] = []
  let bytes = 0
  let refused: ServerRefusedError | undefined
  for (;;) {
    const { type, body } = socket.take() ?? (await socket.next())
    bytes += body.length + MESSAGE_OVERHEAD_BYTES
    if (bytes > MAX_ANSWER_BYTES)
      throw new WireFormatError(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`)
    if (type === 'D') rows.push(decodeRow(body))
    else if (type === 'T') columns = decodeColumnNames(body)
    else if (type === 'E') refused = new ServerRefusedError(decodeFields(body))
    else if (type === 'Z') break
    // C CommandComplete, N NoticeResponse, S ParameterStatus, I EmptyQueryResponse
    else if (!'CNSI'.includes(type)) throw unexpected(type, 'in an answer')
  }
  if (refused !== undefined) throw refused
  if (rows.some((row) => row.length !== columns.length))
    throw new WireFormatError('a row has not as many values as columns')
  return { columns, rows }
}

/** The connection ended without a word. */
function isPlainLoss(error: unknown): boolean {
  return (
    error instanceof Error &&
    !(error instanceof PgBouncerStatsError) &&
    !(error instanceof ServerRefusedError) &&
    !(error instanceof WireFormatError)
  )
}

/** Whatever the work underneath still waits for, the caller hears of the deadline in time. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
    if (signal.aborted) onAbort()
  })
}

interface FailedQuery {
  readonly target: string
  readonly command: string
  readonly timeoutMs: number
  readonly timedOut: boolean
}

function explain(error: unknown, { target, command, timeoutMs, timedOut }: FailedQuery): PgBouncerStatsError {
  const details = { target, command }
  if (timedOut) {
    return failure(
      'PGBOUNCER_TIMEOUT',
      `${command} on ${target} took longer than ${timeoutMs} ms; PgBouncer hangs, is suspended, or cannot be reached`,
      details,
    )
  }
  if (error instanceof PgBouncerStatsError) return error
  const reason = error instanceof Error ? error.message : String(error)
  if (error instanceof ServerRefusedError) {
    const withState = { ...details, sqlState: error.sqlState }
    if (/admin access needed|not allowed/.test(reason)) {
      return failure(
        'PGBOUNCER_NOT_ALLOWED',
        `${target} does not let this user run ${command}: ${reason}; it needs to be in admin_users`,
        withState,
      )
    }
    return failure('PGBOUNCER_COMMAND_FAILED', `${command} on ${target} failed: ${reason}`, withState)
  }
  if (error instanceof NoPasswordError) {
    return failure(
      'PGBOUNCER_LOGIN_FAILED',
      `${target}: ${reason}; give it in PGPASSWORD or in a password file`,
      details,
    )
  }
  if (error instanceof TlsRefusedError)
    return failure('PGBOUNCER_TLS_FAILED', `TLS to ${target} failed: ${reason}`, details)
  if (error instanceof WireFormatError) {
    return failure(
      'PGBOUNCER_PROTOCOL_ERROR',
      `${target} does not speak as PgBouncer's admin console does: ${reason}; check that the port is PgBouncer's`,
      details,
    )
  }
  return failure(
    'PGBOUNCER_CONNECTION_LOST',
    `the connection to ${target} was lost during ${command}: ${reason}`,
    { ...details, cause: error },
  )
}

function explainRefusedLogin(
  error: ServerRefusedError,
  { user, database = 'pgbouncer' }: ConnectionOptions,
  target: string,
): PgBouncerStatsError {
  const reason = error.message
  const sqlState = error.sqlState
  if (/not allowed|no such database|database .* does not exist/i.test(reason)) {
    const what = `"${user}" may not open the admin console "${database}" of ${target}: ${reason}`
    return failure('PGBOUNCER_NOT_ALLOWED', `${what}; add the user to stats_users and RELOAD`, {
      target,
      sqlState,
    })
  }
  if (/auth|login failed|no such user|password|pg_hba|tls required|ssl required/i.test(reason)) {
    const what = `${target} refuses "${user}": ${reason}`
    return failure(
      'PGBOUNCER_LOGIN_FAILED',
      `${what}; check the password, and that auth_file or auth_query knows the user`,
      { target, sqlState },
    )
  }
  return failure('PGBOUNCER_UNREACHABLE', `${target} refuses connections: ${reason}`, { target, sqlState })
}

function failure(
  code: PgBouncerStatsErrorCode,
  message: string,
  { cause, ...details }: { target?: string; command?: string; sqlState?: string; cause?: unknown },
): PgBouncerStatsError {
  return new PgBouncerStatsError(code, message, { details, cause })
}
