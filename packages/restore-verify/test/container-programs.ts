import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Postgres } from '@ops/testbed'

/** A folder for `OPS_PG_BIN`. */
export interface ContainerPrograms extends AsyncDisposable {
  readonly folder: string
  /** The server's image. */
  readonly image: string
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

const run = promisify(execFile)

/**
 * The client programs of the server's own version, which are in its container: small scripts that run
 * them there, next to the server, with the same streams. Where PGHOST is a socket's folder, they run in
 * a container of the same image that has nothing but that folder.
 */
export async function containerPrograms({ network }: Postgres): Promise<ContainerPrograms> {
  const folder = await mkdtemp(join(tmpdir(), 'container-programs-'))
  const { stdout: image } = await run('docker', ['inspect', '--format={{.Image}}', network!.host])
  const passedOn = VARIABLES.map((name) => `\${${name}+--env} \${${name}+${name}}`).join(' ')
  for (const program of ['psql', 'pg_dump', 'pg_restore', 'pg_amcheck']) {
    const script = `#!/bin/sh
case "$PGHOST" in
/*) exec docker run --rm --interactive --network=none --volume "$PGHOST:$PGHOST" --env PGHOST --env PGPORT ${passedOn} --entrypoint ${program} ${image.trim()} "$@" ;;
*) exec docker exec --interactive --env PGHOST=127.0.0.1 --env PGPORT=${network!.port} ${passedOn} ${network!.host} ${program} "$@" ;;
esac
`
    await writeFile(join(folder, program), script)
    await chmod(join(folder, program), 0o755)
  }
  return {
    folder,
    image: image.trim(),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}
