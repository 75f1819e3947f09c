import type { Pool, PoolClient } from 'pg'

export interface Note {
  readonly id: string
  readonly body: string
  readonly tags: readonly string[]
  readonly createdAt: Date
}

export interface NewNote {
  readonly body: string
  readonly tags: readonly string[]
}

const COLUMNS = 'id, body, tags, created_at AS "createdAt"'

/**
 * Notes in PostgreSQL, written for a pool in transaction mode: nothing outlives its transaction, and what has to
 * be one runs on one client between BEGIN and COMMIT.
 */
export class Notes {
  readonly #pool: Pool

  constructor(pool: Pool) {
    this.#pool = pool
  }

  async get(id: string): Promise<Note | undefined> {
    const { rows } = await this.#pool.query<Note>(`SELECT ${COLUMNS} FROM note WHERE id = $1`, [id])
    return rows[0]
  }

  /** Notes whose text has `words` in it, newest first, 50 at most. */
  async search(words: string): Promise<Note[]> {
    const { rows } = await this.#pool.query<Note>(
      `SELECT ${COLUMNS} FROM note WHERE body ILIKE '%' || $1 || '%' ORDER BY id DESC LIMIT 50`,
      [words.replace(/[\\%_]/g, '\\$&')],
    )
    return rows
  }

  /** Adds all of them, or none. */
  async add(notes: readonly NewNote[]): Promise<Note[]> {
    return this.#inTransaction(async (client) => {
      const added: Note[] = []
      for (const { body, tags } of notes) {
        const { rows } = await client.query<Note>(
          `INSERT INTO note (body, tags) VALUES ($1, $2) RETURNING ${COLUMNS}`,
          [body, tags],
        )
        added.push(rows[0]!)
      }
      return added
    })
  }

  async remove(id: string): Promise<boolean> {
    const { rowCount } = await this.#pool.query('DELETE FROM note WHERE id = $1', [id])
    return rowCount === 1
  }

  async isReachable(): Promise<boolean> {
    return this.#pool.query('SELECT 1 FROM note LIMIT 1').then(
      () => true,
      () => false,
    )
  }

  async #inTransaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect()
    let failure: Error | undefined
    // The pool listens only to clients that nobody uses; a loss that nobody hears of would end the process.
    const onLoss = (error: Error): void => void (failure = error)
    client.on('error', onLoss)
    try {
      await client.query('BEGIN')
      const result = await work(client)
      await client.query('COMMIT')
      return result
    } catch (error) {
      // A connection whose transaction cannot even be rolled back is of no use to the next request.
      await client.query('ROLLBACK').catch((lost: Error) => (failure = lost))
      throw error
    } finally {
      client.off('error', onLoss)
      client.release(failure)
    }
  }
}
