import type { Postgres } from '@ops/testbed'

/** How programs on the server's own machine reach it unless they are told otherwise: ours and the peers. */
export function overSocket(server: Postgres): Record<string, string> {
  const environment = server.env('shop')
  return { ...environment, PGHOST: server.socketFolder ?? environment['PGHOST']! }
}
