import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Postgres } from '@ops/testbed'

/** A folder for `OPS_PG_BIN`. */
export interface ContainerPrograms extends AsyncDisposable {
  readonly folder: string
}

/** What libpq may find in its environment, apart from where the server is. */
const VARIABLES = [
  'PGUSER',
  'PGPASSWORD',
  'PGDATABASE',
  'PGOPTIONS',
  'PGAPPNAME',
  'PGCONNECT_TIMEOUT',
  'LC_ALL',
]

/**
 * The client programs of the server's own version, which are in its container: small scripts that
 * run them there, next to the server, with the same streams.
 */
export async function containerPrograms({ network }: Postgres): Promise<ContainerPrograms> {
  const folder = await mkdtemp(join(tmpdir(), 'container-programs-'))
  const passedOn = VARIABLES.map((name) => `\${${name}+--env} \${${name}+${name}}`).join(' ')
  for (const program of ['psql', 'pg_dump', 'pg_restore']) {
    const script = `#!/bin/sh\nexec docker exec --interactive --env PGHOST=127.0.0.1 --env PGPORT=${network!.port} ${passedOn} ${network!.host} ${program} "$@"\n`
    await writeFile(join(folder, program), script)
    await chmod(join(folder, program), 0o755)
  }
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}
