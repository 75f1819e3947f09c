import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createSecureContext, createServer as createTlsServer, TLSSocket, type TlsOptions } from 'node:tls'
import { CLIENT_AUTH, issue, type Issued, type IssueOptions } from './pki.ts'

/** Servers that are right or wrong in every way that a comparison needs, all on one PKI. */

export interface TestEndpoint {
  readonly name: string
  readonly port: number
  /** Asked for with `hostname=`. */
  readonly hostname?: string
  /** @default 'localhost' */
  readonly host?: string
  readonly module?: string
}

export interface Endpoints {
  /** PEM of the roots to trust. */
  readonly caPem: string
  readonly list: readonly TestEndpoint[]
  stop(): Promise<void>
}

interface Scenario extends Omit<TestEndpoint, 'port'> {
  readonly server: Server
}

/** Starts all of them on 127.0.0.1. */
export async function startEndpoints(): Promise<Endpoints> {
  const root = issue({
    subject: [
      ['CN', 'Root A'],
      ['O', 'Tests'],
    ],
    ca: true,
    notAfterDays: 3650,
  })
  const otherRoot = issue({
    subject: [
      ['CN', 'Root B'],
      ['O', 'Tests'],
    ],
    ca: true,
    notAfterDays: 3000,
  })
  const expiredRoot = issue({ subject: [['CN', 'Root C']], ca: true, notBeforeDays: -100, notAfterDays: -1 })
  const scenarios = [...chainScenarios(root, otherRoot, expiredRoot), ...protocolScenarios(root)]
  const sockets = new Set<Socket>()
  const list: TestEndpoint[] = []
  for (const { server, ...scenario } of scenarios) {
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.once('close', () => sockets.delete(socket))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    list.push({ ...scenario, port: (server.address() as AddressInfo).port })
  }
  return {
    caPem: root.pem + otherRoot.pem + expiredRoot.pem,
    list,
    stop: async () => {
      for (const { server } of scenarios) server.close()
      for (const socket of sockets) socket.destroy()
      for (const { server } of scenarios) if (server.listening) await once(server, 'close')
    },
  }
}

function chainScenarios(root: Issued, otherRoot: Issued, expiredRoot: Issued): Scenario[] {
  const intermediate = issue({
    subject: [['CN', 'Intermediate']],
    issuer: root,
    ca: true,
    notAfterDays: 1000,
  })
  const short = issue({ subject: [['CN', 'Short']], issuer: root, ca: true, notAfterDays: 10 })
  const crossed = issue({ subject: [['CN', 'Crossed']], issuer: root, ca: true, notAfterDays: 20 })
  const crossedLong = issue({
    subject: [['CN', 'Crossed']],
    issuer: otherRoot,
    ca: true,
    notAfterDays: 60,
    keyOf: crossed,
  })
  const crossedExpired = issue({
    subject: [['CN', 'Crossed']],
    issuer: otherRoot,
    ca: true,
    notBeforeDays: -50,
    notAfterDays: -5,
    keyOf: crossed,
  })
  const constrained = issue({
    subject: [['CN', 'Constrained']],
    issuer: root,
    ca: true,
    permittedDns: ['example.com'],
  })
  const notCa = issue({ subject: [['CN', 'Not a CA']], issuer: root, dns: ['not-a-ca.example'] })
  const leaf = (options: Partial<IssueOptions> = {}): Issued =>
    issue({
      subject: [['CN', 'localhost']],
      issuer: intermediate,
      dns: ['localhost'],
      ips: ['127.0.0.1', '::1'],
      ...options,
    })
  const fillers = Array.from({ length: 90 }, (_, index) =>
    issue({
      subject: [
        ['CN', `Filler ${index}`],
        ['O', 'x'.repeat(200)],
      ],
      ca: true,
    }),
  )
  const serve = (
    name: string,
    certificate: Issued,
    above: readonly Issued[] = [intermediate],
    more: Partial<Scenario> = {},
  ): Scenario => ({
    name,
    server: tlsServer(certificate, above),
    ...more,
  })
  return [
    serve('good', leaf()),
    serve('root sent too', leaf(), [intermediate, root]),
    serve('chain out of order', leaf(), [root, intermediate]),
    serve('intermediate sent twice', leaf(), [intermediate, intermediate]),
    serve('expired', leaf({ notBeforeDays: -90, notAfterDays: -1 })),
    serve('not yet valid', leaf({ notBeforeDays: 1, notAfterDays: 90 })),
    serve('self-signed', leaf({ issuer: undefined, subject: [['CN', 'Self']] }), []),
    serve('wrong name', leaf({ dns: ['elsewhere.example'], ips: [] })),
    serve('no SAN', leaf({ dns: [], ips: [] })),
    serve('missing intermediate', leaf(), []),
    serve('intermediate expires first', leaf({ issuer: short }), [short]),
    serve('cross-signed, two chains', leaf({ issuer: crossed }), [crossed, crossedLong]),
    serve('cross-signed, one chain expired', leaf({ issuer: crossed }), [crossed, crossedExpired]),
    serve('expired root', leaf({ issuer: expiredRoot }), []),
    serve('RSA 2048', leaf({ key: 'rsa2048' })),
    serve('RSA 1024', leaf({ key: 'rsa1024' })),
    serve('P-384', leaf({ key: 'p384' })),
    serve('Ed25519', leaf({ key: 'ed25519' })),
    serve('SHA-1 signature', leaf({ digest: 'sha1' })),
    serve('huge chain', leaf(), [intermediate, ...fillers]),
    serve('odd subject', leaf({ subject: ODD_SUBJECT })),
    serve('unknown attributes', leaf({ subject: UNKNOWN_ATTRIBUTES })),
    serve('no subject', leaf({ subject: [] })),
    serve('until 2060', leaf({ notAfterDays: 12_500 }), [intermediate]),
    serve('serial with zeros', leaf({ serial: Buffer.from('000fab00cd', 'hex').subarray(1) })),
    serve('address as name', leaf({ dns: [] }), [intermediate], { host: '127.0.0.1' }),
    serve('wildcard', leaf({ dns: ['*.example.com'], ips: [] }), [intermediate], {
      hostname: 'www.example.com',
      module: 'tcp',
    }),
    serve('wildcard, two labels', leaf({ dns: ['*.example.com'], ips: [] }), [intermediate], {
      hostname: 'a.b.example.com',
      module: 'tcp',
    }),
    serve('name constraint broken', leaf({ issuer: constrained }), [constrained]),
    serve('client certificate as server', leaf({ usages: [CLIENT_AUTH] })),
    serve('issued by a leaf', leaf({ issuer: notCa }), [notCa, intermediate]),
    { name: 'TLS 1.2 only', server: tlsServer(leaf(), [intermediate], { maxVersion: 'TLSv1.2' }) },
    { name: 'TLS 1.3 only', server: tlsServer(leaf(), [intermediate], { minVersion: 'TLSv1.3' }) },
    {
      name: 'TLS 1.0 only',
      server: tlsServer(leaf(), [intermediate], {
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1',
        ciphers: 'ALL:@SECLEVEL=0',
      }),
    },
  ]
}

/** Several values of one attribute, another order than usual, escapes, odd string types. */
const ODD_SUBJECT: IssueOptions['subject'] = [
  ['C', 'NL', 0x13],
  ['CN', 'first name'],
  ['OU', 'one, with comma'],
  ['ST', ' leading and trailing '],
  ['OU', '#two + "three" \\ <four>; five'],
  ['O', 'Größe'],
  ['L', 'København', 0x1e],
  ['street', 'Main Street 1'],
  ['2.5.4.17', '1234 AB'],
  ['serialNumber', '4711'],
  ['CN', 'localhost'],
]

const UNKNOWN_ATTRIBUTES: IssueOptions['subject'] = [
  ['title', 'unknown to the printer', 0x13],
  ['CN', 'localhost'],
  ['email', 'someone@example.com', 0x16],
]

function protocolScenarios(root: Issued): Scenario[] {
  const leaf = issue({ subject: [['CN', 'localhost']], issuer: root, dns: ['localhost'] })
  const context = createSecureContext({ key: leaf.keyPem, cert: leaf.pem })
  const inner = tlsServer(leaf, [])
  const demanding: TlsOptions = { requestCert: true, rejectUnauthorized: true, ca: root.pem }
  return [
    {
      name: 'client certificate required, TLS 1.2',
      server: tlsServer(leaf, [], { ...demanding, maxVersion: 'TLSv1.2' }),
    },
    {
      name: 'client certificate required, TLS 1.3',
      server: tlsServer(leaf, [], { ...demanding, minVersion: 'TLSv1.3' }),
    },
    {
      name: 'slow handshake',
      server: createServer((socket) => {
        socket.pause()
        setTimeout(() => inner.emit('connection', socket), 400)
      }),
    },
    { name: 'closes at once', server: createServer((socket) => socket.destroy()) },
    {
      name: 'closes half way',
      server: createServer((socket) => socket.once('data', () => socket.destroy())),
    },
    {
      name: 'cut in the middle of the server hello',
      server: createServer((socket) =>
        socket.once('data', () => socket.end(Buffer.from('160303007a02000076', 'hex'))),
      ),
    },
    {
      name: 'plain HTTP',
      server: createServer((socket) =>
        socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
      ),
    },
    { name: 'says nothing', server: createServer(() => undefined) },
    {
      name: 'STARTTLS',
      module: 'smtp',
      server: smtpServer(['250-localhost', '250 STARTTLS'], '220 go', context),
    },
    {
      name: 'STARTTLS not offered',
      module: 'smtp',
      server: smtpServer(['250-localhost', '250 SIZE'], '220 go', context),
    },
    {
      name: 'STARTTLS refused',
      module: 'smtp',
      server: smtpServer(['250-localhost', '250 STARTTLS'], '454 not now', context),
    },
  ]
}

function tlsServer(leaf: Issued, above: readonly Issued[], options: TlsOptions = {}): Server {
  const server = createTlsServer(
    {
      key: leaf.keyPem,
      cert: leaf.pem + above.map((each) => each.pem).join(''),
      ciphers: 'DEFAULT:@SECLEVEL=0',
      ...options,
    },
    (socket) => {
      socket.on('error', () => undefined)
      // Enough for blackbox_exporter's http prober.
      socket.once('data', () =>
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'),
      )
    },
  )
  server.on('tlsClientError', () => undefined)
  return server
}

/** A mail server that can say EHLO and STARTTLS. */
function smtpServer(
  ehlo: readonly string[],
  answer: string,
  secureContext: ReturnType<typeof createSecureContext>,
): Server {
  return createServer((socket) => {
    socket.write('220 mail.example ESMTP\r\n')
    const onData = (data: Buffer): void => {
      const command = data.toString('latin1').trim()
      if (/^EHLO/i.test(command)) socket.write(`${ehlo.join('\r\n')}\r\n`)
      else if (/^STARTTLS/i.test(command)) {
        socket.write(`${answer}\r\n`)
        if (!answer.startsWith('220')) return
        socket.off('data', onData)
        const secure = new TLSSocket(socket, { isServer: true, secureContext })
        secure.on('error', () => undefined)
        secure.on('data', () => undefined)
      } else socket.end('221 bye\r\n')
    }
    socket.on('data', onData)
  })
}

/** Whether something listens there. */
export async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
