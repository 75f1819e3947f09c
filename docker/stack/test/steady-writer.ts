import { setTimeout as pause } from 'node:timers/promises'
import { demoApi, type DemoApi } from './demo-api.ts'
import type { Stack } from './stack.ts'

/** Writes a note a second through Caddy, the demo API and PgBouncer, whatever breaks, and remembers which were confirmed. */
export class SteadyWriter {
  /** Ids of the notes of which a client was told that they are stored. */
  readonly confirmed: string[] = []
  readonly failures: string[] = []
  readonly #stack: Stack
  readonly #stopped = new AbortController()
  readonly #ended: Promise<void>
  #api: DemoApi | undefined

  constructor(stack: Stack) {
    this.#stack = stack
    this.#ended = this.#write()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort()
    await this.#ended
  }

  async #write(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      try {
        this.#api ??= await demoApi(this.#stack)
        const [note] = await this.#api.post([{ body: `note ${this.confirmed.length}`, tags: ['steady'] }])
        this.confirmed.push(note!.id)
      } catch (error) {
        this.failures.push((error as Error).message)
        // Caddy may come back with another port.
        this.#api = undefined
      }
      await pause(1000, undefined, { signal: this.#stopped.signal }).catch((error: unknown) => {
        if (!this.#stopped.signal.aborted) throw error
      })
    }
  }
}
