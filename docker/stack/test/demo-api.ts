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
  const call = async (method: string, path: string, body?: unknown): Promise<Note[]> => {
    const sent = request({ ...options, method, path }).end(
      body === undefined ? undefined : JSON.stringify(body),
    )
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    const answer = await text(response)
    if (response.statusCode! >= 400) throw new Error(`${method} ${path}: ${response.statusCode} ${answer}`)
    return JSON.parse(answer) as Note[]
  }
  return {
    post: (notes) => call('POST', '/notes', notes),
    search: (words) => call('GET', `/notes?search=${encodeURIComponent(words)}`),
  }
}
