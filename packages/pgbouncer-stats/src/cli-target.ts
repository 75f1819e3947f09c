import { UsageError, type CliContext } from '@ops/internal-cli'
import { readFileSync } from 'node:fs'
import { errorMessage } from '@ops/internal-error'
import { Client } from 'pg'
import { parseConnectionUrl, type ConnectionOptions } from './connection-options.ts'
import type { PoolingClient } from './pooling-client.ts'
import type { Queryable } from './userlist.ts'

/** The PgBouncer that a command is about. */
export function connectionFrom(url: string | undefined, { env }: CliContext): ConnectionOptions {
  return parseConnectionUrl(url === undefined ? env['PGBOUNCER_URL'] : withoutPassword(url), env)
}

/** PostgreSQL, direct or pooled, by the environment variable that has its URL. */
export function postgresFrom(
  name: string,
  { env }: CliContext,
): { connect(): Promise<PoolingClient & Queryable & { end(): Promise<void> }> } {
  const connectionString = env[name]
  if (connectionString === undefined || connectionString === '')
    throw new UsageError(`the environment variable ${name} is not set`)
  return {
    connect: async () => {
      const client = new Client({ connectionString, connectionTimeoutMillis: 10_000, query_timeout: 30_000 })
      // What goes wrong shows in the query that fails.
      client.on('error', () => undefined)
      await client.connect()
      return client
    },
  }
}

/** Every user of the machine can read the command line of every process. */
function withoutPassword(url: string): string {
  if (/^\w+:\/\/[^/@]*:[^/@]+@/.test(url) || /[?&]password=/.test(url)) {
    throw new UsageError(
      'a password does not belong on the command line: use PGPASSWORD, a password file, or PGBOUNCER_URL',
    )
  }
  return url
}

/** `name=url`, given several times. */
export function namedTargets(
  given: readonly string[],
  { env }: CliContext,
): Record<string, ConnectionOptions> {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf('=')
      const name = text.slice(0, at)
      if (at < 1 || !text.slice(at + 1).includes('://'))
        throw new UsageError(`"${name}" is not of the form name=postgres://…`)
      return [name, parseConnectionUrl(withoutPassword(text.slice(at + 1)), env)]
    }),
  )
}

/** A JSON file of names and URLs, which may have passwords in them. */
export function targetsFromFile(file: string, { env }: CliContext): Record<string, ConnectionOptions> {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    // A syntax error repeats a piece of the file, which may be a password.
    const reason = error instanceof SyntaxError ? 'it is not JSON' : errorMessage(error)
    throw new UsageError(`${file} cannot be read: ${reason}`)
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new UsageError(`${file} must be an object of the form { "name": "postgres://…" }`)
  }
  return Object.fromEntries(
    Object.entries(content).map(([name, url]) => {
      if (typeof url !== 'string') throw new UsageError(`${file}: the URL of "${name}" is not a string`)
      return [name, parseConnectionUrl(url, env)]
    }),
  )
}
