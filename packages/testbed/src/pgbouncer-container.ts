import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startContainer } from './container-runtime.ts'
import { pgBouncerSuite } from './matrix.ts'
import { generateConsolePasswords, pgBouncerIni, pgBouncerUserList } from './pgbouncer-conf.ts'
import { pgBouncerHandle } from './pgbouncer-handle.ts'
import type { PgBouncer, PgBouncerOptions } from './pgbouncer.ts'
import { createRunFolder } from './run-folder.ts'

const PORT = 6432
const INI_IN_CONTAINER = '/etc/pgbouncer/pgbouncer.ini'
const USERS_IN_CONTAINER = '/etc/pgbouncer/userlist.txt'

/** Starts PgBouncer in a container of the image in `docker/pgbouncer`, on the network of its PostgreSQL. */
export async function startPgBouncerContainer(options: PgBouncerOptions): Promise<PgBouncer> {
  const { network } = options.postgres
  if (network === undefined) {
    throw new Error('PgBouncer in a container reaches only a PostgreSQL that runs in a container as well')
  }
  const suite = pgBouncerSuite(options.version)
  const folder = createRunFolder({})
  const iniPath = join(folder, 'pgbouncer.ini')
  const passwords = generateConsolePasswords()
  const listen = {
    listen_addr: '0.0.0.0',
    listen_port: String(PORT),
    unix_socket_dir: '',
    auth_file: USERS_IN_CONTAINER,
  }
  writeFileSync(iniPath, pgBouncerIni(options, listen, network), { mode: 0o600 })
  const files = (): Record<string, string> => ({
    [INI_IN_CONTAINER]: readFileSync(iniPath, 'utf8'),
    [USERS_IN_CONTAINER]: pgBouncerUserList(options, passwords),
  })
  const { runtime, host, port, copyFiles } = await startContainer({
    kind: 'pgbouncer',
    suite,
    folder,
    port: PORT,
    network: network.name,
    readyMessage: /process up/,
    files: files(),
  })
  try {
    return await pgBouncerHandle(runtime, {
      mode: 'container',
      host,
      port,
      iniPath,
      passwords,
      postgres: options.postgres,
      publishFiles: async () => await copyFiles(files()),
    })
  } catch (error) {
    await runtime.remove()
    throw error
  }
}
