/** The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), as PostgreSQL and PgBouncer speak it. */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { WireFormatError } from './wire-messages.ts'

const derive = promisify(pbkdf2)

/** PostgreSQL's default is 4,096; a server that asks for more than this wants the client to hang. */
const MAX_ITERATIONS = 1_000_000

export const SCRAM_MECHANISM = 'SCRAM-SHA-256'

export interface ScramExchange {
  readonly firstMessage: string
  /** The answer to the server's first message. */
  finalMessage(serverFirst: string): Promise<string>
  /** Whether the server, too, knows the password. */
  isServerProven(serverFinal: string): boolean
}

export function startScram(
  password: string,
  nonce: string = randomBytes(18).toString('base64'),
): ScramExchange {
  // PostgreSQL takes the user's name from the startup message, and ignores the one in here.
  const firstBare = `n=,r=${nonce}`
  let serverSignature: Buffer | undefined
  return {
    firstMessage: `n,,${firstBare}`,
    async finalMessage(serverFirst) {
      const { r: serverNonce, s: salt, i: iterations } = attributes(serverFirst)
      if (serverNonce === undefined || salt === undefined || !/^\d+$/.test(iterations ?? '')) {
        throw new WireFormatError('the SCRAM challenge is incomplete')
      }
      if (!serverNonce.startsWith(nonce) || serverNonce.length === nonce.length) {
        throw new WireFormatError("the SCRAM challenge does not answer this client's nonce")
      }
      const rounds = Number(iterations)
      if (rounds < 1 || rounds > MAX_ITERATIONS)
        throw new WireFormatError(`the SCRAM challenge asks for ${rounds} iterations`)
      const salted = await derive(saslPrepared(password), Buffer.from(salt, 'base64'), rounds, 32, 'sha256')
      const clientKey = hmac(salted, 'Client Key')
      const withoutProof = `c=biws,r=${serverNonce}`
      const authMessage = `${firstBare},${serverFirst},${withoutProof}`
      const signature = hmac(createHash('sha256').update(clientKey).digest(), authMessage)
      serverSignature = hmac(hmac(salted, 'Server Key'), authMessage)
      const proof = clientKey.map((byte, index) => byte ^ signature[index]!)
      return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`
    },
    isServerProven(serverFinal) {
      const claimed = Buffer.from(attributes(serverFinal)['v'] ?? '', 'base64')
      return (
        serverSignature !== undefined && claimed.length === 32 && timingSafeEqual(claimed, serverSignature)
      )
    },
  }
}

function attributes(message: string): Record<string, string | undefined> {
  return Object.fromEntries(message.split(',').map((part) => [part.slice(0, 1), part.slice(2)]))
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

/** The mapping and normalisation steps of SASLprep (RFC 4013), which matter for passwords beyond ASCII. */
function saslPrepared(password: string): string {
  return password
    .replace(/[\u00A0\u1680\u2000-\u200B\u202F\u205F\u3000]/g, ' ')
    .replace(/\u00AD|\u034F|\u1806|[\u180B-\u180D]|\u200C|\u200D|\u2060|[\uFE00-\uFE0F]|\uFEFF/g, '')
    .normalize('NFKC')
}
