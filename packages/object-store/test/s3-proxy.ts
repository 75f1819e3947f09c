import { createServer, request as httpRequest } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'

/** What happens to one request on its way. */
export type Fault =
  | { readonly kind: 'reset before' }
  | { readonly kind: 'reset mid-body' }
  | { readonly kind: 'lost answer' }
  | { readonly kind: 'no answer' }
  | { readonly kind: 'corrupt body' }
  | { readonly kind: 'answer'; readonly status: number; readonly code: string }
  | { readonly kind: 'truncate answer'; readonly afterBytes: number }
  | { readonly kind: 'stall answer'; readonly afterBytes: number }
  | { readonly kind: 'delay'; readonly ms: number }

export interface S3Proxy {
  readonly endpoint: string
  /** Every request so far, by its S3 operation. */
  readonly operations: string[]
  /** Decides what happens to the next requests; `nth` counts requests of the same operation from 1. */
  plan: (operation: string, nth: number) => Fault | undefined
  stop(): Promise<void>
}

/** An HTTP proxy in front of an S3 server, which lets chosen requests fail in chosen ways. */
export async function startS3Proxy(target: string): Promise<S3Proxy> {
  const { hostname, port } = new URL(target)
  const server = createServer((request, response) => {
    void handle(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  const proxy: S3Proxy = {
    endpoint: `http://127.0.0.1:${address.port}`,
    operations: [],
    plan: () => undefined,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const operation = operationOf(request)
    proxy.operations.push(operation)
    const fault = proxy.plan(operation, proxy.operations.filter((name) => name === operation).length)
    if (fault?.kind === 'reset before') return void request.socket.resetAndDestroy()
    if (fault?.kind === 'reset mid-body') {
      request.once('data', () => request.socket.resetAndDestroy())
      return
    }
    const body = await buffer(request)
    if (fault?.kind === 'no answer') return
    if (fault?.kind === 'answer') return answerError(response, fault.status, fault.code)
    if (fault?.kind === 'corrupt body') body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1
    if (fault?.kind === 'delay') {
      await new Promise((resolve) => {
        setTimeout(resolve, fault.ms)
      })
    }
    const answer = await forward(request, body)
    const content = await buffer(answer)
    if (fault?.kind === 'lost answer') return void request.socket.resetAndDestroy()
    response.writeHead(answer.statusCode ?? 500, answer.headers)
    if (fault?.kind === 'truncate answer') {
      response.write(content.subarray(0, fault.afterBytes), () => request.socket.destroy())
    } else if (fault?.kind === 'stall answer') response.write(content.subarray(0, fault.afterBytes))
    else response.end(content)
  }

  async function forward(request: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const { method, url: path, headers } = request
    httpRequest({ hostname, port, method, path, headers }, resolve).on('error', reject).end(body)
    return await promise
  }
  return proxy
}

function answerError(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' })
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>injected</Message></Error>`,
  )
}

function operationOf({ method, url = '' }: IncomingMessage): string {
  const { pathname, searchParams } = new URL(url, 'http://localhost')
  const has = (name: string): boolean => searchParams.has(name)
  if (method === 'POST')
    return has('uploads')
      ? 'CreateMultipartUpload'
      : has('delete')
        ? 'DeleteObjects'
        : 'CompleteMultipartUpload'
  if (method === 'PUT') return has('partNumber') ? 'UploadPart' : 'PutObject'
  if (method === 'DELETE') return has('uploadId') ? 'AbortMultipartUpload' : 'DeleteObject'
  if (method === 'HEAD') return 'HeadObject'
  if (has('uploads')) return 'ListMultipartUploads'
  if (has('uploadId')) return 'ListParts'
  return has('list-type') || pathname.split('/').length < 3 ? 'ListObjectsV2' : 'GetObject'
}
