import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecureContext, createServer as createTlsServer, TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { probe } from '../src/probe.ts'
import { STARTTLS_PROTOCOLS, type StartTlsProtocol } from '../src/starttls.ts'
import { createTrustStore } from '../src/trust.ts'
import { issue } from './pki.ts'

const root = issue({ subject: [['CN', 'Root']], ca: true })
const leaf = issue({ subject: [['CN', 'localhost']], issuer: root, dns: ['localhost'] })
const trust = createTrustStore({ caPem: root.pem })
const secureContext = createSecureContext({ key: leaf.keyPem, cert: leaf.pem })

const open: (Server | Socket)[] = []
afterEach(() => {
  for (const each of open.splice(0))
    if ('destroy' in each) each.destroy()
    else each.close()
})

/** Says the greeting, then answers what it is sent; the answer `TLS` begins the handshake. */
interface Script {
  readonly greeting?: string | Buffer
  readonly answer: (received: Buffer) => string | Buffer | undefined
  /** After this answer comes TLS. */
  readonly agreement?: string | Buffer
  /** The length of the last request, where the client does not wait for an answer to it. */
  readonly requestBytes?: number
}

async function serve(script: Script): Promise<number> {
  const server = createServer((socket) => {
    open.push(socket)
    socket.on('error', () => undefined)
    if (script.greeting !== undefined) socket.write(script.greeting)
    const onData = (data: Buffer): void => {
      const answer = script.answer(data)
      if (answer !== undefined) return void socket.write(answer)
      socket.off('data', onData)
      socket.pause()
      if (script.requestBytes !== undefined && data.length > script.requestBytes)
        socket.unshift(data.subarray(script.requestBytes))
      if (script.agreement !== undefined) socket.write(script.agreement)
      new TLSSocket(socket, { isServer: true, secureContext }).on('error', () => undefined)
    }
    socket.on('data', onData)
  })
  open.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** MySQL's first packet: protocol 10, version, thread, salt, capabilities. */
function mysqlGreeting(capabilities: number): Buffer {
  const flags = Buffer.alloc(2)
  flags.writeUInt16LE(capabilities)
  const body = Buffer.concat([
    Buffer.from([10]),
    Buffer.from('8.4.0\0'),
    Buffer.alloc(4),
    Buffer.from('saltsalt\0'),
    flags,
    Buffer.alloc(30),
  ])
  return Buffer.concat([Buffer.from([body.length, 0, 0, 0]), body])
}

const ldapResponse = (code: number): Buffer =>
  Buffer.from([0x30, 0x0c, 2, 1, 1, 0x78, 7, 0x0a, 1, code, 4, 0, 4, 0])
const text = (data: Buffer): string => data.toString('latin1').trim()

/** What a server says that agrees, by protocol. */
const AGREEING: Readonly<Record<StartTlsProtocol, Script>> = {
  postgres: {
    answer: (data) => (data.equals(Buffer.from('0000000804d2162f', 'hex')) ? undefined : 'E'),
    agreement: 'S',
  },
  smtp: {
    greeting: '220-mail.example\r\n220 ESMTP\r\n',
    answer: (data) =>
      text(data).startsWith('EHLO') ? '250-mail.example\r\n250-SIZE 1000\r\n250 STARTTLS\r\n' : undefined,
    agreement: '220 go ahead\r\n',
  },
  imap: {
    greeting: '* OK IMAP4rev1\r\n',
    answer: (data) => (/^a1 STARTTLS$/.test(text(data)) ? undefined : 'a1 BAD\r\n'),
    agreement: '* note\r\na1 OK begin\r\n',
  },
  pop3: {
    greeting: '+OK POP3\r\n',
    answer: (data) => (text(data) === 'STLS' ? undefined : '-ERR\r\n'),
    agreement: '+OK begin\r\n',
  },
  ftp: {
    greeting: '220-Welcome\r\n  to this server\r\n220 ready\r\n',
    answer: (data) => (text(data) === 'AUTH TLS' ? undefined : '500\r\n'),
    agreement: '234 ok\r\n',
  },
  ldap: {
    answer: (data) => (data.includes('1.3.6.1.4.1.1466.20037') ? undefined : ldapResponse(2)),
    agreement: ldapResponse(0),
  },
  mysql: {
    greeting: mysqlGreeting(0xffff),
    answer: (data) => (data.length >= 36 && data[3] === 1 ? undefined : 'no'),
    requestBytes: 36,
  },
}

describe('STARTTLS', () => {
  it.each(STARTTLS_PROTOCOLS)('%s: the certificate of a server that agrees', async (protocol) => {
    const port = await serve(AGREEING[protocol])
    const report = await probe(`${protocol}://localhost:${port}`, { trust, ipPreference: 'ip4' })
    expect(report.endpoints[0]!.failure).toBeUndefined()
    expect(report).toMatchObject({ status: 'ok', endpoints: [{ tls: { protocol: 'TLS 1.3' } }] })
  })

  it.each<[StartTlsProtocol, string, Script]>([
    ['postgres', 'says no', { answer: () => 'N' }],
    ['postgres', 'is something else', { answer: () => 'HTTP/1.1 400 Bad Request' }],
    ['smtp', 'is not ready', { greeting: '554 no service\r\n', answer: () => '' }],
    ['smtp', 'does not offer it', { greeting: '220 x\r\n', answer: () => '250 SIZE 1\r\n' }],
    [
      'smtp',
      'takes it back',
      {
        greeting: '220 x\r\n',
        answer: (data) => (text(data).startsWith('EHLO') ? '250 STARTTLS\r\n' : '454 later\r\n'),
      },
    ],
    ['imap', 'says no', { greeting: '* OK\r\n', answer: () => 'a1 NO not here\r\n' }],
    ['imap', 'knows us already', { greeting: '* PREAUTH\r\n', answer: () => '' }],
    ['pop3', 'says no', { greeting: '+OK\r\n', answer: () => '-ERR\r\n' }],
    ['ftp', 'says no', { greeting: '220 x\r\n', answer: () => '502 no\r\n' }],
    ['ldap', 'says no', { answer: () => ldapResponse(52) }],
    ['ldap', 'is something else', { answer: () => 'HTTP/1.1 400 Bad Request' }],
    ['mysql', 'has no TLS', { greeting: mysqlGreeting(0xf7ff), answer: () => '' }],
    ['mysql', 'blocks this host', { greeting: Buffer.from('0600000fff6a04486f73', 'hex'), answer: () => '' }],
    ['smtp', 'talks on and on', { greeting: '220-x\r\n'.repeat(20_000), answer: () => '' }],
    ['smtp', 'sends a line without end', { greeting: 'x'.repeat(200_000), answer: () => '' }],
    [
      'pop3',
      'sends more in the clear after agreeing',
      { greeting: '+OK\r\n', answer: () => '+OK begin\r\n+OK injected\r\n' },
    ],
  ])('%s: a server that %s', async (protocol, _what, script) => {
    const port = await serve(script)
    const report = await probe(`${protocol}://127.0.0.1:${port}`, { trust, timeoutMs: 30_000 })
    expect(report.endpoints).toMatchObject([
      { status: 'unknown', failure: { phase: 'starttls', code: 'starttls-refused' } },
    ])
  })

  it.each(STARTTLS_PROTOCOLS)(
    '%s: a server that says nothing runs into the deadline, one that hangs up is told apart',
    async (protocol) => {
      const silent = createServer((socket) => void open.push(socket)).listen(0, '127.0.0.1')
      const rude = createServer((socket) => socket.end()).listen(0, '127.0.0.1')
      open.push(silent, rude)
      await Promise.all([once(silent, 'listening'), once(rude, 'listening')])
      const codeOf = async (server: Server, timeoutMs: number): Promise<string> => {
        const { port } = server.address() as AddressInfo
        const report = await probe(`${protocol}://127.0.0.1:${port}`, { trust, timeoutMs })
        return report.endpoints[0]!.failure!.code
      }
      expect(await codeOf(silent, 300)).toBe('timeout')
      expect(await codeOf(rude, 30_000)).toBe('closed')
    },
  )
})

describe("the README's example", () => {
  it('runs, and ends with 0 because every certificate is fine', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cert-probe-readme-'))
    try {
      await writeFile(join(folder, 'site.pem'), leaf.pem)
      await writeFile(join(folder, 'roots.pem'), root.pem)
      const https = createTlsServer({ key: leaf.keyPem, cert: leaf.pem }).listen(0, '127.0.0.1')
      https.on('secureConnection', (socket) => socket.on('error', () => undefined))
      open.push(https)
      await once(https, 'listening')
      const places = {
        "'@ops/cert-probe'": `'${own('src/index.ts')}'`,
        'db.example.com:5432': `localhost:${await serve(AGREEING.postgres)}`,
        'smtp://mail.example.com': `smtp://localhost:${await serve(AGREEING.smtp)}`,
        "'example.com'": `'localhost:${(https.address() as AddressInfo).port}'`,
        '/etc/letsencrypt/live': join(folder, 'site.pem'),
      }
      let [, program] = /```ts\n([\s\S]*?)```/.exec(await readFile(own('README.md'), 'utf8'))!
      for (const [shown, here] of Object.entries(places)) {
        expect(program).toContain(shown)
        program = program!.replaceAll(shown, here)
      }
      // A run that fails rejects, also by its exit code.
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--input-type=module-typescript', '--eval', program!],
        { env: { ...process.env, SSL_CERT_FILE: join(folder, 'roots.pem') } },
      )
      expect(stdout).toMatch(/^127\.0\.0\.1:\d+ ok \d+ \[\]$/m)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

function own(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url))
}
