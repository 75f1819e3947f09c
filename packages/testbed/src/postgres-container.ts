import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startContainer } from './container-runtime.ts'
import { postgresSuite } from './matrix.ts'
import { generatePassword } from './password.ts'
import { createServerCertificate } from './pki.ts'
import { postgresConf, postgresHba } from './postgres-conf.ts'
import { postgresHandle, untilPostgresAnswers } from './postgres-handle.ts'
import type { Postgres, PostgresOptions } from './postgres.ts'
import { createRunFolder } from './run-folder.ts'

const USER = 'postgres'
const PORT = 5432

/** Starts PostgreSQL in a container of the image in `docker/postgres`. */
export async function startPostgresContainer(options: PostgresOptions): Promise<Postgres> {
  const suite = postgresSuite(options.version)
  const password = generatePassword()
  const folder = createRunFolder({})
  const tls = options.ssl === true ? await createTlsFiles(folder) : undefined
  const { runtime, host, port, network, name } = await startContainer({
    kind: 'postgres',
    suite,
    folder,
    port: PORT,
    readyMessage: /database system is ready to accept connections/,
    environment: { POSTGRES_PASSWORD: password, POSTGRES_INITDB_ARGS: initdbArgs(options) },
    files: {
      '/etc/postgresql/conf.d/testbed.conf': postgresConf({}, options),
      '/etc/postgresql/pg_hba.conf': postgresHba(options),
      ...tls?.files,
    },
  })
  try {
    const target = { host, port, user: USER, password }
    const own = tls === undefined ? target : { ...target, ssl: { ca: tls.authority } }
    return postgresHandle(runtime, {
      mode: 'container',
      ...target,
      own,
      socketFolder: undefined,
      dataFolder: undefined,
      binFolder: undefined,
      caFile: tls?.caFile,
      network: { name: network, host: name, port: PORT },
      version: await untilPostgresAnswers(runtime, own),
    })
  } catch (error) {
    await runtime.remove()
    throw error
  }
}

function initdbArgs(options: PostgresOptions): string {
  return ['--no-sync', ...(options.initdbArgs ?? [])].join(' ')
}

interface TlsFiles {
  /** The authority's certificate: where it is on this machine, and its content. */
  readonly caFile: string
  readonly authority: string
  readonly files: Record<string, string>
}

/** A certificate for the server to take, and its authority on this machine for clients to trust. */
async function createTlsFiles(folder: string): Promise<TlsFiles> {
  const { authority, leaf } = await createServerCertificate()
  const caFile = join(folder, 'root.crt')
  writeFileSync(caFile, authority)
  return {
    caFile,
    authority,
    files: {
      '/etc/postgresql/tls/server.crt': leaf.certificate,
      '/etc/postgresql/tls/server.key': leaf.key,
    },
  }
}
