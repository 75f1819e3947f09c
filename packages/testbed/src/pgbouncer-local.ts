import { join } from 'node:path'
import { findProgram } from './find-program.ts'
import { freePort } from './free-port.ts'
import { localRuntime } from './local-runtime.ts'
import { MissingServerError } from './missing-server.ts'
import { generateConsolePasswords, pgBouncerIni, pgBouncerUserList } from './pgbouncer-conf.ts'
import { pgBouncerHandle } from './pgbouncer-handle.ts'
import type { PgBouncer, PgBouncerOptions } from './pgbouncer.ts'
import { createRunFolder, unprivilegedUser, writeOwnedFile } from './run-folder.ts'

const HOST = '127.0.0.1'

/** Starts PgBouncer from the program on this machine, in a temporary folder. */
export async function startPgBouncerLocal(options: PgBouncerOptions): Promise<PgBouncer> {
  const command = findProgram('pgbouncer')
  if (command === undefined) {
    throw new MissingServerError("pgbouncer not found on PATH, in /usr/sbin or in Homebrew's folders")
  }
  const user = unprivilegedUser()
  const folder = createRunFolder(user)
  const port = await freePort()
  const iniPath = join(folder, 'pgbouncer.ini')
  const usersPath = join(folder, 'userlist.txt')
  const passwords = generateConsolePasswords()
  const listen = {
    listen_addr: HOST,
    listen_port: String(port),
    unix_socket_dir: folder,
    auth_file: usersPath,
  }
  writeOwnedFile(user, iniPath, pgBouncerIni(options, listen, options.postgres))
  writeOwnedFile(user, usersPath, pgBouncerUserList(options, passwords))

  const runtime = localRuntime({ command, args: [iniPath], folder, user, orphanSignal: 'KILL' })
  try {
    await runtime.start()
    return await pgBouncerHandle(runtime, {
      mode: 'local',
      host: HOST,
      port,
      iniPath,
      passwords,
      postgres: options.postgres,
      publishFiles: async () => undefined,
    })
  } catch (error) {
    await runtime.remove()
    throw error
  }
}
