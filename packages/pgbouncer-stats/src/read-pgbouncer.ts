import type { ConnectionOptions } from './connection-options.ts'
import { openConsole, type ConsoleResult, type PgBouncerConsole } from './console.ts'
import { PgBouncerStatsError, isPgBouncerStatsError } from './error.ts'
import { SHOW_COMMANDS, type ShowName, type ShowRows } from './show-commands.ts'
import { errorMessage } from '@ops/internal-error'

/** The slice of a `pg.Client` that is needed. The client must be connected to the database `pgbouncer`. */
export interface AdminClient {
  /** Runs one command of the console, as `pg` does. */
  query(query: {
    text: string
    rowMode: 'array'
    types: { getTypeParser(): (value: string) => string }
  }): Promise<{ fields: readonly { name: string }[]; rows: readonly unknown[][] }>
}

/** Options of {@link readPgBouncer}. */
export interface ReadPgBouncerOptions {
  /** Opened for this call, and closed at its end. One of `connection`, `console` and `client` is given. */
  readonly connection?: ConnectionOptions
  /** A connection to keep: see `openConsole`. */
  readonly console?: PgBouncerConsole
  /** Somebody else's `pg.Client`; it stays open. */
  readonly client?: AdminClient
  /** What to read. @default all but `sockets` and `activeSockets`, which repeat clients and servers */
  readonly show?: readonly ShowName[]
  /** For everything together. @default 10_000 */
  readonly timeoutMs?: number
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
}

/** A SHOW command that PgBouncer did not answer with rows. */
export interface ShowFailure {
  /** `SHOW POOLS`, say. */
  readonly command: string
  readonly code: string
  readonly message: string
}

/** PgBouncer at one moment. What was not asked for, failed, or does not exist in its version, is absent. */
export interface Snapshot extends Partial<Omit<ShowRows, 'version'>> {
  /** ISO 8601, in UTC. */
  readonly takenAt: string
  readonly target: string
  /** `1.24.1`, without the product's name. */
  readonly version: string
  readonly failures: readonly ShowFailure[]
}

export const DEFAULT_SHOW: readonly Exclude<ShowName, 'version'>[] = [
  'state',
  'lists',
  'config',
  'databases',
  'users',
  'pools',
  'peers',
  'peerPools',
  'stats',
  'statsTotals',
  'statsAverages',
  'totals',
  'clients',
  'servers',
  'mem',
  'dnsHosts',
  'dnsZones',
]

/**
 * Reads PgBouncer's SHOW commands as typed rows. One command that fails is listed in `failures`, and
 * the others are read all the same; a PgBouncer that cannot be reached rejects.
 *
 * @example
 * ```ts
 * import { readPgBouncer } from '@ops/pgbouncer-stats'
 *
 * const { pools = [], failures } = await readPgBouncer({ connection: { host: 'localhost', user: 'stats' } })
 * for (const pool of pools) console.log(pool)
 * for (const { command, message } of failures) console.error(command, message)
 * ```
 */
export async function readPgBouncer(options: ReadPgBouncerOptions): Promise<Snapshot> {
  const { console: kept, connection, client, show = DEFAULT_SHOW, timeoutMs = 10_000, signal } = options
  const deadline = Date.now() + timeoutMs
  const opened = connection === undefined ? undefined : openConsole(connection)
  const source = kept ?? opened
  const run = (command: string): Promise<ConsoleResult> => {
    if (source === undefined) return askClient(client, command)
    return source.query(command, {
      timeoutMs: Math.max(1, deadline - Date.now()),
      ...(signal === undefined ? {} : { signal }),
    })
  }
  try {
    const version = parseVersion(SHOW_COMMANDS.version.rows(await run('SHOW VERSION'))[0]?.version ?? '')
    const read = await readEach(show, version, run, signal)
    return { takenAt: new Date().toISOString(), target: source?.target ?? 'client', version, ...read }
  } finally {
    opened?.close()
  }
}

async function readEach(
  show: readonly ShowName[],
  version: string,
  run: (command: string) => Promise<ConsoleResult>,
  signal: AbortSignal | undefined,
): Promise<Partial<Omit<ShowRows, 'version'>> & { failures: ShowFailure[] }> {
  const rows: Partial<Record<ShowName, unknown>> = {}
  const failures: ShowFailure[] = []
  for (const name of show) {
    const { command, since } = SHOW_COMMANDS[name]
    // Asking for what does not exist yet would leave a warning in PgBouncer's log, every time.
    if (name === 'version' || (since !== undefined && !isAtLeast(version, since))) continue
    try {
      rows[name] = SHOW_COMMANDS[name].rows(await run(command))
    } catch (error) {
      if (signal?.aborted === true) throw error
      const code = isPgBouncerStatsError(error) ? error.code : 'PGBOUNCER_COMMAND_FAILED'
      failures.push({ command, code, message: errorMessage(error) })
    }
  }
  return { ...(rows as Partial<Omit<ShowRows, 'version'>>), failures }
}

async function askClient(client: AdminClient | undefined, command: string): Promise<ConsoleResult> {
  if (client === undefined) {
    throw new PgBouncerStatsError(
      'PGBOUNCER_BAD_OPTIONS',
      'readPgBouncer needs one of connection, console and client',
    )
  }
  const { fields, rows } = await client.query({
    text: command,
    rowMode: 'array',
    types: { getTypeParser: () => (value) => value },
  })
  return { columns: fields.map(({ name }) => name), rows: rows as (string | null)[][] }
}

/** `PgBouncer 1.24.1` → `1.24.1`; what has no number in it comes back as it is. */
function parseVersion(text: string): string {
  return /\d+(\.\d+)+\S*/.exec(text)?.[0] ?? text
}

/** Compares by numbers, as far as `wanted` goes; a version that cannot be read counts as new. */
export function isAtLeast(version: string, wanted: readonly number[]): boolean {
  const parts = /^(\d+(?:\.\d+)*)/.exec(version)?.[1]?.split('.').map(Number)
  if (parts === undefined) return true
  for (const [index, each] of wanted.entries()) {
    const part = parts[index] ?? 0
    if (part !== each) return part > each
  }
  return true
}
