import {
  MissingServerError,
  needs,
  startPgBouncer,
  startPostgres,
  type PgBouncer,
  type PgBouncerOptions,
  type Postgres,
  type SkippableContext,
} from '@ops/testbed'
import { dirname } from 'node:path'
import type { ConnectionOptions } from '../src/connection-options.ts'

/** PostgreSQL with PgBouncer in front, for one test file. */
export interface PooledServer {
  /** Skips the test, or fails it in CI, where the servers are not on this machine. */
  get(context: SkippableContext): { postgres: Postgres; bouncer: PgBouncer }
  stop(): Promise<void>
}

export async function startPooledServer(
  options: Omit<PgBouncerOptions, 'postgres'> = {},
): Promise<PooledServer> {
  try {
    const postgres = await startPostgres()
    const bouncer = await startPgBouncer({ ...options, postgres })
    return {
      get: () => ({ postgres, bouncer }),
      stop: async () => {
        await bouncer.stop()
        await postgres.stop()
      },
    }
  } catch (error) {
    if (!(error instanceof MissingServerError)) throw error
    return {
      get: (context) => {
        needs(context, false, error.message)
        throw error
      },
      stop: () => Promise.resolve(),
    }
  }
}

/** The admin console as the user who may only look. */
export function asStatsUser(bouncer: PgBouncer): ConnectionOptions {
  return { host: bouncer.host, port: bouncer.port, user: bouncer.statsUser, password: bouncer.statsPassword }
}

export function asAdmin(bouncer: PgBouncer): ConnectionOptions {
  return { host: bouncer.host, port: bouncer.port, user: bouncer.adminUser, password: bouncer.adminPassword }
}

/** A local PgBouncer's Unix socket lies beside its ini file. */
export function socketFolder(bouncer: PgBouncer): string {
  return dirname(bouncer.iniPath)
}
