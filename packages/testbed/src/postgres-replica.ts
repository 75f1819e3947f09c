import { startReplicaLocal } from './postgres-local.ts'
import type { Postgres } from './postgres.ts'

export interface ReplicaOptions {
  /** A local server. */
  readonly primary: Postgres
  /** Lines of the replica's postgresql.conf, on top of those of the primary. */
  readonly settings?: Readonly<Record<string, string>>
}

/** Starts a streaming replica of a local server; it follows for as long as the primary runs. */
export async function startReplica({ primary, settings = {} }: ReplicaOptions): Promise<Postgres> {
  const { binFolder } = primary
  if (binFolder === undefined) throw new Error('a replica needs a primary that runs from local programs')
  return await startReplicaLocal({ ...primary, binFolder }, settings)
}
