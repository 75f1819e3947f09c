/** The slice of a `pg.Client` that is needed. */
export interface PoolingClient {
  /** Runs one statement, as `pg` does. */
  query(
    query: string | { text: string; values?: unknown[]; name?: string },
  ): Promise<{ rows: readonly Record<string, unknown>[] }>
}

/** Opens a connection of its own each time, and closes it; a `pg.Pool` will not do, since it hides which connection is used. */
export interface PoolingEndpoint {
  /** Opens one connection; `end` closes it. */
  connect(): Promise<
    PoolingClient & {
      /** Closes it. */
      end(): Promise<void>
    }
  >
}

export async function withClient<Client extends { end(): Promise<void> }, T>(
  endpoint: { connect(): Promise<Client> },
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await endpoint.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

export async function backendOf(client: PoolingClient): Promise<number> {
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
  return Number(rows[0]!['pid'])
}
