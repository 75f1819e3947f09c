import { execFile } from 'node:child_process'
import { appendFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findPostgres } from './find-postgres.ts'
import { freePort } from './free-port.ts'
import { readServerLog } from './guarded-process.ts'
import { localRuntime } from './local-runtime.ts'
import { defaultPostgresVersion } from './matrix.ts'
import { MissingServerError } from './missing-server.ts'
import { generatePassword } from './password.ts'
import { createServerCertificate } from './pki.ts'
import { confLines, postgresConf, postgresHba } from './postgres-conf.ts'
import { postgresHandle, untilPostgresAnswers } from './postgres-handle.ts'
import type { Postgres, PostgresOptions } from './postgres.ts'
import { createRunFolder, unprivilegedUser, writeOwnedFile, type ServerUser } from './run-folder.ts'
import type { ServerRuntime } from './runtime.ts'

const run = promisify(execFile)
const HOST = '127.0.0.1'
const USER = 'postgres'
const START_ATTEMPTS = 3

interface Cluster {
  readonly folder: string
  readonly dataFolder: string
  readonly binFolder: string
  readonly serverUser: ServerUser
  readonly password: string
}

/** Starts PostgreSQL from the programs on this machine, in a temporary folder. */
export async function startPostgresLocal(options: PostgresOptions): Promise<Postgres> {
  const { binFolder } = findInstallation(options.version ?? defaultPostgresVersion())
  return await startCluster(binFolder, generatePassword(), async (cluster) => {
    await initialize(cluster, options)
    return options.ssl === true ? await addCertificate(cluster) : undefined
  })
}

/** Starts a streaming replica of a local server, from a copy of its data. */
export async function startReplicaLocal(
  primary: Postgres & { readonly binFolder: string },
  settings: Readonly<Record<string, string>>,
): Promise<Postgres> {
  return await startCluster(primary.binFolder, primary.password, async (cluster) => {
    const { folder, dataFolder, binFolder, serverUser } = cluster
    await run(
      join(binFolder, 'pg_basebackup'),
      [`--pgdata=${dataFolder}`, '--write-recovery-conf', '--checkpoint=fast', '--no-sync'],
      { ...serverUser, cwd: folder, env: { PATH: process.env['PATH'], ...primary.env() } },
    )
    appendFileSync(
      join(dataFolder, 'postgresql.conf'),
      confLines({ unix_socket_directories: folder, ...settings }),
    )
    return primary.caFile
  })
}

/** Starts a server in a folder of its own, with the data that `fill` puts there; removes everything when it fails. */
async function startCluster(
  binFolder: string,
  password: string,
  fill: (cluster: Cluster) => Promise<string | undefined>,
): Promise<Postgres> {
  const serverUser = unprivilegedUser()
  const folder = createRunFolder(serverUser)
  const dataFolder = join(folder, 'data')
  const cluster = { folder, dataFolder, binFolder, serverUser, password }
  try {
    const caFile = await fill(cluster)
    const { runtime, ...started } = await startOnFreePort(cluster)
    return postgresHandle(runtime, {
      mode: 'local',
      host: HOST,
      socketFolder: folder,
      dataFolder,
      binFolder,
      user: USER,
      password,
      caFile,
      network: undefined,
      ...started,
      own: { host: folder, port: started.port, user: USER, password },
    })
  } catch (error) {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    throw error
  }
}

function findInstallation(version: number | undefined): { readonly binFolder: string } {
  const installation = findPostgres(version)
  if (installation !== undefined) return installation
  const wanted = version === undefined ? 'PostgreSQL' : `PostgreSQL ${version}`
  throw new MissingServerError(
    `${wanted} (initdb, postgres) not found in OPS_PG_BIN, on PATH, in /usr/lib/postgresql/*/bin or in Homebrew's folders`,
  )
}

async function initialize(cluster: Cluster, options: PostgresOptions): Promise<void> {
  const { folder, dataFolder, binFolder, serverUser } = cluster
  const passwordFile = join(folder, 'password')
  writeOwnedFile(serverUser, passwordFile, cluster.password)
  const args = [
    `--pgdata=${dataFolder}`,
    `--username=${USER}`,
    `--pwfile=${passwordFile}`,
    '--no-sync',
    '--encoding=UTF8',
    `--locale=${process.platform === 'linux' ? 'C.UTF-8' : 'en_US.UTF-8'}`,
    ...(options.initdbArgs ?? []),
  ]
  await run(join(binFolder, 'initdb'), args, {
    ...serverUser,
    cwd: folder,
    env: { PATH: process.env['PATH'] },
  })
  rmSync(passwordFile)
  appendFileSync(
    join(dataFolder, 'postgresql.conf'),
    postgresConf({ listen_addresses: HOST, unix_socket_directories: folder }, options),
  )
  writeFileSync(join(dataFolder, 'pg_hba.conf'), postgresHba(options))
}

async function addCertificate({ folder, dataFolder, serverUser }: Cluster): Promise<string> {
  const { authority, leaf } = await createServerCertificate()
  const caFile = join(folder, 'root.crt')
  writeOwnedFile(serverUser, caFile, authority)
  writeOwnedFile(serverUser, join(dataFolder, 'server.crt'), leaf.certificate)
  writeOwnedFile(serverUser, join(dataFolder, 'server.key'), leaf.key)
  appendFileSync(join(dataFolder, 'postgresql.conf'), 'ssl = on\n')
  return caFile
}

interface Started {
  readonly runtime: ServerRuntime
  readonly port: number
  readonly version: number
}

/** Another program may take the port between our choice and the server's start: then choose again. */
async function startOnFreePort(cluster: Cluster): Promise<Started> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort()
    try {
      return await start(cluster, port)
    } catch (error) {
      const isTaken = /could not bind|Address already in use/i.test(readServerLog(cluster.folder))
      if (!isTaken || attempt === START_ATTEMPTS) throw error
      writeFileSync(join(cluster.folder, 'server.log'), '')
    }
  }
}

async function start(cluster: Cluster, port: number): Promise<Started> {
  const { folder, dataFolder, binFolder, password, serverUser: user } = cluster
  const runtime = localRuntime({
    command: join(binFolder, 'postgres'),
    args: ['-D', dataFolder, '-p', String(port)],
    folder,
    user,
    orphanSignal: 'QUIT',
  })
  await runtime.start()
  try {
    const version = await untilPostgresAnswers(runtime, { host: folder, port, user: USER, password })
    return { runtime, port, version }
  } catch (error) {
    await runtime.end('SIGQUIT')
    throw error
  }
}
