/**
 * The part of PostgreSQL's frontend/backend protocol 3.0 that PgBouncer's admin console speaks:
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 *
 * Why not a driver: a monitor must outlive whatever answers on its port. Drivers are written for a
 * server that can be trusted, and some throw out of a socket's event handler on a malformed message,
 * which ends the process. Here every length is checked before it is believed.
 */
import { isUtf8 } from 'node:buffer'

/** No single message of an admin console comes near this. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024

export interface Message {
  /** One letter, as in the protocol's documentation. */
  readonly type: string
  readonly body: Buffer
}

/** The other side said something that is not the protocol. */
export class WireFormatError extends Error {
  override readonly name = 'WireFormatError'
}

/** Cuts a stream of bytes into messages. `push` throws `WireFormatError` on a length that cannot be. */
export interface MessageSplitter {
  push(chunk: Buffer): Message[]
}

export function createMessageSplitter(): MessageSplitter {
  let pending: Buffer[] = []
  let pendingBytes = 0
  let neededBytes = 5
  return {
    push(chunk) {
      pending.push(chunk)
      pendingBytes += chunk.length
      if (pendingBytes < neededBytes) return []
      const bytes = pending.length === 1 ? chunk : Buffer.concat(pending, pendingBytes)
      const messages: Message[] = []
      let at = 0
      neededBytes = 5
      while (at + 5 <= bytes.length) {
        const length = bytes.readInt32BE(at + 1)
        if (length < 4 || length > MAX_MESSAGE_BYTES) {
          throw new WireFormatError(`a message claims to be ${length} bytes long`)
        }
        if (at + 1 + length > bytes.length) {
          neededBytes = 1 + length
          break
        }
        messages.push({
          type: String.fromCharCode(bytes[at]!),
          body: bytes.subarray(at + 5, at + 1 + length),
        })
        at += 1 + length
      }
      const rest = bytes.subarray(at)
      pending = rest.length === 0 ? [] : [rest]
      pendingBytes = rest.length
      return messages
    },
  }
}

export function startupMessage(parameters: Record<string, string>): Buffer {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => [cString(name), cString(value)])
  return framed('', [int32(196_608), ...pairs, Buffer.from([0])])
}

/** Asks for TLS; the answer is a single byte, `S` or `N`. */
export function sslRequestMessage(): Buffer {
  return framed('', [int32(80_877_103)])
}

export function passwordMessage(password: string): Buffer {
  return framed('p', [cString(password)])
}

export function saslInitialMessage(mechanism: string, response: string): Buffer {
  const bytes = Buffer.from(response)
  return framed('p', [cString(mechanism), int32(bytes.length), bytes])
}

export function saslResponseMessage(response: string): Buffer {
  return framed('p', [Buffer.from(response)])
}

export function queryMessage(sql: string): Buffer {
  return framed('Q', [cString(sql)])
}

export function terminateMessage(): Buffer {
  return framed('X', [])
}

export function decodeInt32(body: Buffer, at: number): number {
  if (at + 4 > body.length) throw new WireFormatError('a message is shorter than it must be')
  return (body[at]! << 24) | (body[at + 1]! << 16) | (body[at + 2]! << 8) | body[at + 3]!
}

/** Zero-terminated strings from `at` on, as far as they go. */
export function decodeStrings(body: Buffer, at: number): string[] {
  return body
    .toString('utf8', at)
    .split('\0')
    .filter((text) => text !== '')
}

export interface ServerMessageFields {
  readonly severity: string
  readonly sqlState: string
  readonly message: string
}

/** ErrorResponse and NoticeResponse: a letter and a string, again and again. */
export function decodeFields(body: Buffer): ServerMessageFields {
  const fields = new Map<string, string>()
  for (const text of body.toString('utf8').split('\0')) {
    if (text !== '') fields.set(text[0]!, text.slice(1, 1000))
  }
  return {
    severity: fields.get('S') ?? 'ERROR',
    sqlState: fields.get('C') ?? '',
    message: fields.get('M') ?? 'no message',
  }
}

export function decodeColumnNames(body: Buffer): string[] {
  const names: string[] = []
  let at = 2
  for (let left = fieldCount(body); left > 0; left -= 1) {
    const end = body.indexOf(0, at)
    if (end === -1 || end + 19 > body.length) throw new WireFormatError('a row description ends too early')
    names.push(body.toString('utf8', at, end))
    at = end + 19
  }
  return names
}

export function decodeRow(body: Buffer): (string | null)[] {
  const count = fieldCount(body)
  // One native call for the row: one for each of a million values would take longer than all the rest.
  const row = body.toString('latin1')
  const values: (string | null)[] = []
  let at = 2
  for (let index = 0; index < count; index += 1) {
    const length = decodeInt32(body, at)
    at += 4
    if (length === -1) {
      values.push(null)
      continue
    }
    const end = at + length
    if (length < 0 || end > body.length) throw new WireFormatError('a row ends too early')
    values.push(isAscii(body, at, end) ? row.slice(at, end) : decodeText(body.subarray(at, end)))
    at = end
  }
  return values
}

function isAscii(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (bytes[at]! > 0x7f) return false
  return true
}

/** What stands in for a value that is not UTF-8, as in prometheus-community's exporter. */
const INVALID_TEXT = '<invalid>'

function decodeText(bytes: Buffer): string {
  return isUtf8(bytes) ? bytes.toString() : INVALID_TEXT
}

function fieldCount(body: Buffer): number {
  if (body.length < 2) throw new WireFormatError('a message is shorter than it must be')
  return body.readUInt16BE(0)
}

function framed(type: string, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(type, 'latin1'), int32(body.length + 4), body])
}

function cString(text: string): Buffer {
  return Buffer.from(`${text.replaceAll('\0', '')}\0`)
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
