import type { Socket } from 'node:net'
import { contextTag, readElement, readSequence, readSmallInteger, TAG, writeElement } from './der.ts'
import { ProbeFailure } from './failure.ts'
import { createPlainPeer, type PlainPeer } from './plain-peer.ts'

/** Protocols that begin in plain text and change to TLS on request. */
export const STARTTLS_PROTOCOLS = ['postgres', 'smtp', 'imap', 'pop3', 'ftp', 'ldap', 'mysql'] as const

/** One of {@link STARTTLS_PROTOCOLS}. */
export type StartTlsProtocol = (typeof STARTTLS_PROTOCOLS)[number]

const DIALOGUES: Readonly<Record<StartTlsProtocol, (peer: PlainPeer) => Promise<void>>> = {
  postgres: startPostgres,
  smtp: startSmtp,
  imap: startImap,
  pop3: startPop3,
  ftp: startFtp,
  ldap: startLdap,
  mysql: startMysql,
}

/** Brings the server to the point where the TLS handshake may begin. */
export async function startTls(
  socket: Socket,
  protocol: StartTlsProtocol,
  signal: AbortSignal,
): Promise<void> {
  const peer = createPlainPeer(socket, signal)
  try {
    await DIALOGUES[protocol](peer)
  } catch (error) {
    try {
      peer.release()
    } catch {
      // The first error says more.
    }
    throw error
  }
  peer.release()
}

/** PostgreSQL and PgBouncer: SSLRequest, answered by one octet (protocol documentation, 54.2.10). */
async function startPostgres(peer: PlainPeer): Promise<void> {
  const request = Buffer.alloc(8)
  request.writeInt32BE(8, 0)
  request.writeInt32BE(80_877_103, 4)
  peer.write(request)
  const answer = (await peer.readBytes(1)).toString('latin1')
  if (answer === 'N')
    throw refused('PostgreSQL does not offer TLS here (ssl = off, or client_tls_sslmode = disable)')
  if (answer !== 'S') throw refused(`it is not PostgreSQL: it answered ${JSON.stringify(answer)}`)
}

/** RFC 3207. */
async function startSmtp(peer: PlainPeer): Promise<void> {
  expectReply(await readReply(peer), 220, 'the greeting')
  peer.write('EHLO cert-probe.invalid\r\n')
  const capabilities = expectReply(await readReply(peer), 250, 'EHLO')
  if (!capabilities.some((line) => /^STARTTLS\b/i.test(line)))
    throw refused('the mail server does not offer STARTTLS')
  peer.write('STARTTLS\r\n')
  expectReply(await readReply(peer), 220, 'STARTTLS')
}

/** RFC 4217. */
async function startFtp(peer: PlainPeer): Promise<void> {
  expectReply(await readReply(peer), 220, 'the greeting')
  peer.write('AUTH TLS\r\n')
  expectReply(await readReply(peer), 234, 'AUTH TLS')
}

/** RFC 3501, section 6.2.1. */
async function startImap(peer: PlainPeer): Promise<void> {
  const greeting = await peer.readLine()
  if (!/^\* OK\b/i.test(greeting)) throw refused(`the greeting was ${quote(greeting)}`)
  peer.write('a1 STARTTLS\r\n')
  for (;;) {
    const line = await peer.readLine()
    if (line.startsWith('* ')) continue
    if (/^a1 OK\b/i.test(line)) return
    throw refused(`STARTTLS was answered with ${quote(line)}`)
  }
}

/** RFC 2595, section 4. */
async function startPop3(peer: PlainPeer): Promise<void> {
  const greeting = await peer.readLine()
  if (!greeting.startsWith('+OK')) throw refused(`the greeting was ${quote(greeting)}`)
  peer.write('STLS\r\n')
  const answer = await peer.readLine()
  if (!answer.startsWith('+OK')) throw refused(`STLS was answered with ${quote(answer)}`)
}

/** RFC 4511, section 4.14: an ExtendedRequest, answered by an ExtendedResponse with a result code. */
async function startLdap(peer: PlainPeer): Promise<void> {
  const name = writeElement(contextTag(0, 'primitive'), Buffer.from('1.3.6.1.4.1.1466.20037'))
  const messageId = writeElement(TAG.integer, Buffer.from([1]))
  peer.write(writeElement(TAG.sequence, messageId, writeElement(0x77, name)))
  const resultCode = await readLdapResult(peer)
  if (resultCode !== 0) throw refused(`the directory answered StartTLS with result code ${resultCode}`)
}

async function readLdapResult(peer: PlainPeer): Promise<number> {
  const head = await peer.readBytes(2)
  const lengthOctets = head[1]! >= 0x80 ? head[1]! & 0x7f : 0
  if (head[0] !== TAG.sequence || lengthOctets > 3) throw refused('it is not an LDAP server')
  const length = lengthOctets === 0 ? Buffer.alloc(0) : await peer.readBytes(lengthOctets)
  const bodyLength = lengthOctets === 0 ? head[1]! : length.readUIntBE(0, lengthOctets)
  if (bodyLength === 0) throw refused('it is not an LDAP server')
  const body = await peer.readBytes(bodyLength)
  try {
    const [, response] = readSequence(readElement(Buffer.concat([head, length, body])))
    return readSmallInteger(readSequence(response, 0x78)[0], TAG.enumerated)
  } catch (error) {
    throw refused('it is not an LDAP server', error)
  }
}

const MYSQL_CLIENT_SSL = 0x0800
/** LONG_PASSWORD, PROTOCOL_41, SSL, SECURE_CONNECTION, PLUGIN_AUTH. */
const MYSQL_CAPABILITIES = 0x0000_0001 | 0x0000_0200 | MYSQL_CLIENT_SSL | 0x0000_8000 | 0x0008_0000

/** MySQL and MariaDB: the initial handshake packet, answered by an SSLRequest packet. */
async function startMysql(peer: PlainPeer): Promise<void> {
  const header = await peer.readBytes(4)
  const length = header.readUIntLE(0, 3)
  if (length === 0 || length > 4096) throw refused('it is not a MySQL server')
  const greeting = await peer.readBytes(length)
  if (greeting[0] === 0xff) throw refused(`MySQL says ${quote(greeting.subarray(3).toString('latin1'))}`)
  // Protocol version, server version with its NUL, thread id, eight octets of salt, a filler; then flags.
  const flagsAt = greeting.indexOf(0, 1) + 1 + 4 + 8 + 1
  if (greeting[0] !== 10 || flagsAt + 2 > greeting.length) throw refused('it is not a MySQL server')
  if ((greeting.readUInt16LE(flagsAt) & MYSQL_CLIENT_SSL) === 0)
    throw refused('MySQL does not offer TLS here')
  const request = Buffer.alloc(4 + 32)
  request.writeUIntLE(32, 0, 3)
  request[3] = header[3]! + 1
  request.writeUInt32LE(MYSQL_CAPABILITIES, 4)
  request.writeUInt32LE(16 * 1024 * 1024, 8)
  request[12] = 45 // utf8mb4
  peer.write(request)
}

/** A reply of one or more lines, `250-first`, `250 last`: its code, and its lines without it. */
async function readReply(peer: PlainPeer): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = []
  for (;;) {
    const line = await peer.readLine()
    const match = /^(\d{3})([ -]|$)(.*)/.exec(line)
    // FTP may continue a reply with lines that have no code.
    lines.push(match?.[3] ?? line)
    if (match === null && lines.length === 1) throw refused(`the server said ${quote(line)}`)
    if (match !== null && match[2] !== '-') return { code: Number(match[1]), lines }
  }
}

function expectReply(reply: { code: number; lines: string[] }, code: number, to: string): string[] {
  if (reply.code !== code)
    throw refused(`the server's answer to ${to} was ${reply.code} ${quote(reply.lines[0]!)}`)
  return reply.lines
}

function refused(why: string, cause?: unknown): ProbeFailure {
  return new ProbeFailure('starttls', 'starttls-refused', `TLS could not be started: ${why}`, cause)
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 120))
}
