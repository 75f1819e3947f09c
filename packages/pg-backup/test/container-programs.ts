import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Postgres } from '@ops/testbed'

/** The client programs of a server that runs in a container, of its own version. */
export interface ContainerPrograms extends AsyncDisposable {
  /** For `OPS_PG_BIN`. */
  readonly folder: string
  /** A folder that the programs and this machine share, under the same path. */
  readonly shared: string
}

/** What libpq may find in its environment, apart from where the server is. */
const VARIABLES = ['PGUSER', 'PGPASSWORD', 'PGDATABASE', 'PGOPTIONS', 'PGTZ', 'PGCONNECT_TIMEOUT', 'LC_ALL']

/**
 * Small scripts that run the programs of the server's image: psql in the server's own container, and
 * those that read or write files in one of their own, which has the shared folder.
 */
export async function containerPrograms({ network }: Postgres): Promise<ContainerPrograms> {
  const root = await mkdtemp(join(tmpdir(), 'pg-backup-programs-'))
  const [folder, shared] = [join(root, 'bin'), join(root, 'shared')]
  await Promise.all([mkdir(folder), mkdir(shared)])
  const { host, port } = network!
  const { stdout } = await promisify(execFile)('docker', ['inspect', '--format={{.Image}}', host])
  const passedOn = VARIABLES.map((name) => `\${${name}+--env} \${${name}+${name}}`).join(' ')
  const environment = `--env PGHOST=127.0.0.1 --env PGPORT=${port} ${passedOn}`
  const owner = `${process.getuid!()}:${process.getgid!()}`
  const besides = `run --rm --init --interactive --network container:${host} --user ${owner} --volume ${shared}:${shared} ${environment} --entrypoint`
  const scripts: Record<string, string> = {
    psql: `exec --interactive ${environment} ${host} psql`,
    ...Object.fromEntries(
      ['pg_dump', 'pg_dumpall', 'pg_restore'].map((program) => [
        program,
        `${besides} ${program} ${stdout.trim()}`,
      ]),
    ),
  }
  for (const [program, command] of Object.entries(scripts)) {
    await writeFile(join(folder, program), `#!/bin/sh\nexec docker ${command} "$@"\n`)
    await chmod(join(folder, program), 0o755)
  }
  return { folder, shared, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) }
}
