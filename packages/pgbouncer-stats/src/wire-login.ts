import { createHash } from 'node:crypto'
import type { ConnectionOptions } from './connection-options.ts'
import { SCRAM_MECHANISM, startScram } from './scram-client.ts'
import {
  decodeFields,
  decodeInt32,
  decodeStrings,
  passwordMessage,
  saslInitialMessage,
  saslResponseMessage,
  startupMessage,
  WireFormatError,
  type ServerMessageFields,
} from './wire-messages.ts'
import type { WireSocket } from './wire-socket.ts'

/** The server answered with an ErrorResponse. */
export class ServerRefusedError extends Error {
  override readonly name = 'ServerRefusedError'
  readonly sqlState: string
  constructor(fields: ServerMessageFields) {
    super(fields.message)
    this.sqlState = fields.sqlState
  }
}

/** The server wants a password and none was given. */
export class NoPasswordError extends Error {
  override readonly name = 'NoPasswordError'
}

/**
 * Logs in, up to the first ReadyForQuery. Sends only what PgBouncer accepts without
 * `ignore_startup_parameters`: user, database, application_name and client_encoding.
 */
export async function logIn(socket: WireSocket, options: ConnectionOptions): Promise<void> {
  const { user, database = 'pgbouncer' } = options
  socket.send(
    startupMessage({ user, database, application_name: 'pgbouncer-stats', client_encoding: 'UTF8' }),
  )
  for (;;) {
    const { type, body } = await socket.next()
    if (type === 'R') await authenticate(socket, options, decodeInt32(body, 0), body)
    else if (type === 'E') throw new ServerRefusedError(decodeFields(body))
    else if (type === 'Z') return
    // S ParameterStatus, K BackendKeyData, N NoticeResponse, v NegotiateProtocolVersion
    else if (!'SKNv'.includes(type)) throw unexpected(type, 'during the login')
  }
}

async function authenticate(
  socket: WireSocket,
  options: ConnectionOptions,
  method: number,
  body: Buffer,
): Promise<void> {
  if (method === 0) return
  const password = await givenPassword(options)
  if (method === 3) {
    socket.send(passwordMessage(password))
  } else if (method === 5) {
    if (body.length < 8) throw new WireFormatError('the salt is missing')
    const inner = md5(Buffer.from(password + options.user))
    socket.send(passwordMessage(`md5${md5(Buffer.concat([Buffer.from(inner), body.subarray(4, 8)]))}`))
  } else if (method === 10 && decodeStrings(body, 4).includes(SCRAM_MECHANISM)) {
    await authenticateByScram(socket, password)
  } else {
    throw new WireFormatError(`the server asks for authentication method ${method}, which is not known here`)
  }
}

async function authenticateByScram(socket: WireSocket, password: string): Promise<void> {
  const scram = startScram(password)
  socket.send(saslInitialMessage(SCRAM_MECHANISM, scram.firstMessage))
  socket.send(saslResponseMessage(await scram.finalMessage(await nextSaslText(socket, 11))))
  if (!scram.isServerProven(await nextSaslText(socket, 12))) {
    throw new WireFormatError(
      'the server could not prove that it knows the password, so it may not be the server',
    )
  }
}

async function nextSaslText(socket: WireSocket, method: number): Promise<string> {
  const { type, body } = await socket.next()
  if (type === 'E') throw new ServerRefusedError(decodeFields(body))
  if (type !== 'R' || decodeInt32(body, 0) !== method) throw unexpected(type, 'during SCRAM')
  return body.toString('utf8', 4)
}

async function givenPassword({ password }: ConnectionOptions): Promise<string> {
  const given = typeof password === 'function' ? await password() : password
  if (given === undefined || given === '')
    throw new NoPasswordError('it asks for a password, and none was given')
  return given
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex')
}

export function unexpected(type: string, when: string): WireFormatError {
  const code = type.charCodeAt(0)
  const shown = code > 32 && code < 127 ? `"${type}"` : `0x${code.toString(16)}`
  return new WireFormatError(`a message of type ${shown} came ${when}`)
}
