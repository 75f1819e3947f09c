import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

/** What the sink keeps of an object: enough to answer a HEAD. */
interface Kept {
  readonly bytes: number
  readonly etag: string
  readonly tag: string
}

export interface S3Sink extends AsyncDisposable {
  readonly endpoint: string
  /** Bytes by path. */
  readonly objects: ReadonlyMap<string, Kept>
}

/** Speaks enough of S3 for an upload in parts, and throws the bytes away: uploads of any size need no room. */
export async function startS3Sink(): Promise<S3Sink> {
  const objects = new Map<string, Kept>()
  const uploads = new Map<string, { tag: string; parts: { number: number; bytes: number; md5: Buffer }[] }>()
  const server = createServer((request, response) => void answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    objects,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, 'http://s3')
    const tag = String(request.headers['x-amz-meta-ops-upload'])
    const { bytes, md5 } = await drain(request)
    const uploadId = searchParams.get('uploadId')
    const upload = uploads.get(uploadId ?? '')
    if (request.method === 'HEAD') return head(response, objects.get(pathname))
    if (request.method === 'DELETE') return void response.writeHead(204).end()
    if (searchParams.has('uploads')) {
      const id = randomUUID()
      uploads.set(id, { tag, parts: [] })
      return void response.end(
        `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
      )
    }
    if (upload !== undefined && request.method === 'PUT') {
      upload.parts.push({ number: Number(searchParams.get('partNumber')), bytes, md5 })
      return void response.setHeader('etag', `"${md5.toString('hex')}"`).end()
    }
    if (upload !== undefined) {
      const parts = upload.parts.toSorted((a, b) => a.number - b.number)
      const etag = `${createHash('md5')
        .update(Buffer.concat(parts.map((part) => part.md5)))
        .digest('hex')}-${parts.length}`
      objects.set(pathname, {
        bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
        etag,
        tag: upload.tag,
      })
      return void response.end(
        `<CompleteMultipartUploadResult><ETag>"${etag}"</ETag></CompleteMultipartUploadResult>`,
      )
    }
    objects.set(pathname, { bytes, etag: md5.toString('hex'), tag })
    response.setHeader('etag', `"${md5.toString('hex')}"`).end()
  }
}

function head(response: ServerResponse, object: Kept | undefined): void {
  if (object === undefined) return void response.writeHead(404).end()
  response
    .writeHead(200, {
      'content-length': object.bytes,
      etag: `"${object.etag}"`,
      'x-amz-meta-ops-upload': object.tag,
    })
    .end()
}

async function drain(request: IncomingMessage): Promise<{ bytes: number; md5: Buffer }> {
  const hash = createHash('md5')
  let bytes = 0
  for await (const chunk of request) {
    hash.update(chunk as Buffer)
    bytes += (chunk as Buffer).length
  }
  return { bytes, md5: hash.digest() }
}
