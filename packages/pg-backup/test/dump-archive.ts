import { spawn, type ChildProcessByStdio, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { text } from 'node:stream/consumers'
import type { Postgres } from '@ops/testbed'
import { isDatabaseLevel, readArchive, type ArchiveContents } from '../src/archive/index.ts'

export const CUSTOM_FORMAT: readonly string[] = ['--format=custom', '--compress=0']

/** The archive that a server's own `pg_dump` writes into a pipe, read as it comes. */
export async function dumpArchive(
  server: Postgres,
  database: string,
  args: readonly string[] = CUSTOM_FORMAT,
): Promise<ArchiveContents> {
  const child = start(server, database, ['pg_dump', ...args])
  child.stdin.end()
  const [contents] = await Promise.all([readArchive(child.stdout), succeeded(child)])
  return contents
}

/** Restores a database into another one with the stock programs alone. */
export async function copyDatabase(server: Postgres, from: string, to: string): Promise<void> {
  const dump = start(server, from, ['pg_dump', ...CUSTOM_FORMAT])
  const restore = start(server, to, ['pg_restore', '--exit-on-error', `--dbname=${to}`])
  dump.stdin.end()
  restore.stdout.resume()
  await Promise.all([pipeline(dump.stdout, restore.stdin), succeeded(dump), succeeded(restore)])
}

/** What must be the same in a restored copy; in which order objects come is not part of it. */
export function content({
  tables,
  largeObjects,
  sequences,
  objects,
}: ArchiveContents): Pick<ArchiveContents, 'tables' | 'largeObjects' | 'sequences' | 'objects'> {
  return {
    tables,
    largeObjects,
    sequences,
    objects: objects
      .filter((object) => !isDatabaseLevel(object))
      .toSorted((left, right) => (objectKey(left) < objectKey(right) ? -1 : 1)),
  }
}

function objectKey({ type, schema, name, digest }: ArchiveContents['objects'][number]): string {
  return [type, schema, name, digest].join('\0')
}

type Program = ChildProcessByStdio<Writable, Readable, Readable>

/** Starts a PostgreSQL program of the server's own version: beside it in its container, if it is in one. */
function start(server: Postgres, database: string, [name, ...args]: readonly string[]): Program {
  const stdio = ['pipe', 'pipe', 'pipe'] satisfies StdioOptions
  const env = { ...process.env, ...server.env(database) }
  const { network, binFolder } = server
  if (network === undefined) return spawn(`${binFolder}/${name}`, args, { env, stdio })
  const inContainer = ['PGPASSWORD', 'PGUSER', 'PGDATABASE', 'PGHOST=127.0.0.1'].flatMap((variable) => [
    '--env',
    variable,
  ])
  return spawn('docker', ['exec', '--interactive', ...inContainer, network.host, name!, ...args], {
    env,
    stdio,
  })
}

async function succeeded(child: Program): Promise<void> {
  const [[code], stderr] = await Promise.all([once(child, 'exit'), text(child.stderr)])
  if (code !== 0) throw new Error(`${child.spawnargs.join(' ')} ended with ${code}: ${stderr}`)
}
