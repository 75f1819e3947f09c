import { once } from 'node:events'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import type { IncomingMessage } from 'node:http'
import type { Stack } from './stack.ts'

interface Note {
  readonly id: string
  readonly body: string
  readonly tags: readonly string[]
}

export interface DemoApi {
  post(notes: readonly Omit<Note, 'id'>[]): Promise<Note[]>
  search(words: string): Promise<Note[]>
  /** Rejects unless the answer to GET says that all is well. */
  expect(path: string): Promise<void>
}

const SITE = 'api.localhost'

/** The demo API as its clients come to it: through Caddy, whose certificate and name are checked. */
export async function demoApi(stack: Stack): Promise<DemoApi> {
  const options = {
    host: '127.0.0.1',
    port: await stack.port('caddy', 8443),
    servername: SITE,
    headers: { host: SITE },
    ca: await stack.secret('ca.crt'),
  }
  const ask = async (method: string, path: string, body?: unknown): Promise<string> => {
    const sent = request({ ...options, method, path, timeout: 60_000 })
    sent.on('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer for 60 s`)))
    sent.end(body === undefined ? undefined : JSON.stringify(body))
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    const answer = await text(response)
    if (response.statusCode! >= 400) throw new Error(`${method} ${path}: ${response.statusCode} ${answer}`)
    return answer
  }
  const notes = async (...call: Parameters<typeof ask>): Promise<Note[]> =>
    JSON.parse(await ask(...call)) as Note[]
  return {
    post: (body) => notes('POST', '/notes', body),
    search: (words) => notes('GET', `/notes?search=${encodeURIComponent(words)}`),
    async expect(path) {
      await ask('GET', path)
    },
  }
}
