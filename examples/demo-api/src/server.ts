import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { NewNote, Notes } from './notes.ts'

const MAX_BODY_BYTES = 100_000

/** A request that is the client's mistake; its message is for the client. */
class BadRequest extends Error {
  readonly status: number

  constructor(message: string, status = 400) {
    super(message)
    this.status = status
  }
}

interface Answer {
  readonly status: number
  readonly body?: unknown
}

/**
 * `GET /notes?search=`, `POST /notes` (a note, or a list of them), `GET` and `DELETE /notes/ID`, and for whoever
 * runs it `/healthz` (the process lives) and `/readyz` (a query comes back).
 */
export function createApi(notes: Notes): Server {
  return createServer((request, response) => {
    answer(notes, request).then(
      (result) => send(response, result),
      (error: unknown) => send(response, failure(error)),
    )
  })
}

async function answer(notes: Notes, request: IncomingMessage): Promise<Answer> {
  const url = new URL(request.url ?? '/', 'http://api')
  const route = `${request.method} ${url.pathname}`
  const id = /^\/notes\/(\d{1,18})$/.exec(url.pathname)?.[1]
  if (route === 'GET /healthz') return { status: 200, body: { status: 'ok' } }
  if (route === 'GET /readyz') return { status: (await notes.isReachable()) ? 200 : 503 }
  if (route === 'GET /notes')
    return { status: 200, body: await notes.search(url.searchParams.get('search') ?? '') }
  if (route === 'POST /notes') return { status: 201, body: await notes.add(parseNotes(await read(request))) }
  if (request.method === 'GET' && id !== undefined) {
    const note = await notes.get(id)
    return note === undefined ? { status: 404 } : { status: 200, body: note }
  }
  if (request.method === 'DELETE' && id !== undefined) return { status: (await notes.remove(id)) ? 204 : 404 }
  return { status: 404 }
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  // Without the destruction of the request, whoever sent too much still gets an answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    // What is too much is read all the same, and dropped: to stop here would cut the connection before the answer.
    if (size <= MAX_BODY_BYTES) chunks.push(chunk)
  }
  if (size > MAX_BODY_BYTES) throw new BadRequest(`more than ${MAX_BODY_BYTES} bytes`, 413)
  return Buffer.concat(chunks).toString('utf8')
}

function parseNotes(text: string): NewNote[] {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new BadRequest('not JSON')
  }
  return (Array.isArray(json) ? json : [json]).map(parseNote)
}

function parseNote(value: unknown): NewNote {
  const { body, tags = [] } = (value ?? {}) as Record<string, unknown>
  if (typeof body !== 'string' || body.length === 0 || body.length > 10_000)
    throw new BadRequest('a note has a body of 1 to 10,000 characters')
  if (!Array.isArray(tags) || !tags.every((tag): tag is string => typeof tag === 'string'))
    throw new BadRequest('tags are a list of strings')
  // PostgreSQL's text holds every character but this one.
  if ([body, ...tags].some((part) => part.includes('\0'))) throw new BadRequest('no NUL characters')
  return { body, tags }
}

function failure(error: unknown): Answer {
  if (error instanceof BadRequest) return { status: error.status, body: { error: error.message } }
  process.stderr.write(`request failed: ${(error as Error).message}\n`)
  return { status: 503, body: { error: 'the database cannot be reached; try again' } }
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(body === undefined ? undefined : JSON.stringify(body))
}
