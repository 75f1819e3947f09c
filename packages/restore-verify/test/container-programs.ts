import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Postgres } from '@ops/testbed'

/** A folder for `OPS_PG_BIN`. */
export interface ContainerPrograms extends AsyncDisposable {
  readonly folder: string
  /** A folder that the programs and this machine share, under the same path. */
  readonly shared: string
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
  'PGTZ',
  'PGCONNECT_TIMEOUT',
  'LC_ALL',
]

const run = promisify(execFile)

/**
 * The client programs of the server's own version: small scripts that run them in a container of its
 * image, with the same streams and the shared folder. They reach the server by its network, or, where
 * PGHOST is a socket's folder, have that folder and no network.
 */
export async function containerPrograms({ network }: Postgres): Promise<ContainerPrograms> {
  const root = await mkdtemp(join(tmpdir(), 'container-programs-'))
  const [folder, shared] = [join(root, 'bin'), join(root, 'shared')]
  await Promise.all([mkdir(folder), mkdir(shared)])
  const { stdout: image } = await run('docker', ['inspect', '--format={{.Image}}', network!.host])
  const passedOn = VARIABLES.map((name) => `\${${name}+--env} \${${name}+${name}}`).join(' ')
  const owner = `${process.getuid!()}:${process.getgid!()}`
  for (const program of ['psql', 'pg_dump', 'pg_restore', 'pg_amcheck']) {
    const script = `#!/bin/sh
case "$PGHOST" in
/*) where="--network=none --volume $PGHOST:$PGHOST --env PGHOST --env PGPORT" ;;
*) where="--network=container:${network!.host} --env PGHOST=127.0.0.1 --env PGPORT=${network!.port}" ;;
esac
exec docker run --rm --init --interactive $where --user ${owner} --volume ${shared}:${shared} ${passedOn} --entrypoint ${program} ${image.trim()} "$@"
`
    await writeFile(join(folder, program), script)
    await chmod(join(folder, program), 0o755)
  }
  return {
    folder,
    shared,
    image: image.trim(),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}
