import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

export interface BasicCredentials {
  readonly user: string
  readonly password: string
}

/** Whether a request brings these credentials (RFC 7617). How long it takes says nothing about how much of them is right. */
export function hasCredentials(request: IncomingMessage, { user, password }: BasicCredentials): boolean {
  const [, encoded] = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(request.headers.authorization ?? '') ?? []
  if (encoded === undefined) return false
  return timingSafeEqual(digest(Buffer.from(encoded, 'base64')), digest(Buffer.from(`${user}:${password}`)))
}

/** Both sides get one length, which `timingSafeEqual` needs. */
function digest(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}
