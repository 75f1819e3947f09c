import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dockerAvailable, needs } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createExporter, type Exporter } from '../src/exporter.ts'
import { loadModules } from '../src/modules.ts'
import { startEndpoints, type Endpoints, type TestEndpoint } from './endpoints.ts'
import { freePort } from './free-port.ts'
import { readSamples } from './metrics-text.ts'
import { buildPeers, startPeer, type Peer } from './peers.ts'

/** One configuration for both: ours reads blackbox_exporter's own file. */
const CONFIG = `
modules:
  tcp:
    prober: tcp
    timeout: 3s
    tcp: { preferred_ip_protocol: ip4, tls: true, tls_config: { ca_file: FOLDER/ca.pem } }
  tcp_insecure:
    prober: tcp
    timeout: 3s
    tcp: { preferred_ip_protocol: ip4, tls: true, tls_config: { insecure_skip_verify: true } }
  http:
    prober: http
    timeout: 3s
    http: { preferred_ip_protocol: ip4, tls_config: { ca_file: FOLDER/ca.pem } }
  http_insecure:
    prober: http
    timeout: 3s
    http: { preferred_ip_protocol: ip4, tls_config: { insecure_skip_verify: true } }
  smtp: &smtp
    prober: tcp
    timeout: 3s
    tcp:
      preferred_ip_protocol: ip4
      tls_config: { ca_file: FOLDER/ca.pem }
      query_response: &dialogue
        - expect: "^220 "
        - send: "EHLO prober\\r"
        - expect: "^250[ -]STARTTLS"
        - send: "STARTTLS\\r"
        - expect: "^220"
        - starttls: true
  smtp_insecure:
    prober: tcp
    timeout: 3s
    tcp: { preferred_ip_protocol: ip4, tls_config: { insecure_skip_verify: true }, query_response: *dialogue }
`
const COMPARED = /^probe_(success|ssl_|tls_|ip_)/
/** What ours exports when blackbox_exporter, having failed, says nothing any more. */
const KEPT_AFTER_FAILURE = /^probe_(ssl_earliest_cert_expiry|ssl_last_chain_|tls_)/

interface Difference {
  readonly theirs: readonly string[]
  readonly ours: readonly string[]
}

/**
 * In TLS 1.3 a client is done before the server has looked at its certificate. Without a request to
 * send, blackbox_exporter calls that a success, although no client could use the server.
 */
const CLIENT_CERTIFICATE = {
  'client certificate required, TLS 1.3': { theirs: ['probe_success 1'], ours: ['probe_success 0'] },
}
/**
 * Newer releases of Go print the value of an attribute without a short name as it is, and no longer
 * as hexadecimal DER. Ours stays with what dashboards have seen for years.
 */
const UNKNOWN_ATTRIBUTES = {
  'unknown attributes': {
    theirs: [
      expect.stringContaining('1.2.840.113549.1.9.1=someone@example.com,2.5.4.12=unknown to the printer'),
    ],
    ours: [expect.stringContaining('1.2.840.113549.1.9.1=#0c13')],
  },
}

/** Differences that are wanted; all others are failures, and so is one of these that is not there. */
function wantedDifferences(suite: string, module: string): object {
  return {
    ...(module.startsWith('tcp') ? CLIENT_CERTIFICATE : {}),
    ...(suite === 'sid' ? UNKNOWN_ATTRIBUTES : {}),
  }
}

describe.each(['trixie', 'sid'] as const)('side by side with the blackbox_exporter of Debian %s', (suite) => {
  let folder: string
  let endpoints: Endpoints
  let blackbox: Peer
  let ours: Exporter
  let ports: { blackbox: number; ours: number }
  let isReady = false

  beforeAll(async () => {
    if (!(await dockerAvailable())) return
    folder = await mkdtemp(join(tmpdir(), 'cert-probe-'))
    endpoints = await startEndpoints()
    await writeFile(join(folder, 'ca.pem'), endpoints.caPem)
    await writeFile(join(folder, 'blackbox.yml'), CONFIG.replaceAll('FOLDER', folder))
    const port = await freePort()
    const command = [
      'prometheus-blackbox-exporter',
      `--config.file=${join(folder, 'blackbox.yml')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]
    blackbox = await startPeer(await buildPeers(suite), command, port, { mount: folder })
    ours = createExporter({
      port: 0,
      allow: ['localhost:*', '127.0.0.1:*'],
      allowPrivate: true,
      modules: await loadModules(join(folder, 'blackbox.yml')),
    })
    ports = { blackbox: port, ours: (await ours.start()).port }
    isReady = true
  })
  afterAll(async () => {
    await ours?.stop()
    await blackbox?.stop()
    await endpoints?.stop()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  })

  async function scrape(port: number, module: string, endpoint: TestEndpoint): Promise<Map<string, number>> {
    const address = `${endpoint.host ?? 'localhost'}:${endpoint.port}`
    const target = module.startsWith('http') ? `https://${address}` : address
    const query = new URLSearchParams({
      target,
      module,
      ...(endpoint.hostname === undefined ? {} : { hostname: endpoint.hostname }),
    })
    const response = await fetch(`http://127.0.0.1:${port}/probe?${query.toString()}`)
    const samples = readSamples(await response.text())
    return new Map([...samples].filter(([name]) => COMPARED.test(name)))
  }

  /** Empty if the two agree; otherwise what each says that the other does not. */
  async function difference(module: string, endpoint: TestEndpoint): Promise<Difference> {
    const [theirs, own] = await Promise.all([
      scrape(ports.blackbox, module, endpoint),
      scrape(ports.ours, module, endpoint),
    ])
    const lines = (samples: Map<string, number>): string[] =>
      [...samples].map(([name, value]) => `${name} ${value}`)
    const [theirLines, ourLines] = [lines(theirs), lines(own)]
    const onlyOurs = ourLines.filter((line) => !theirLines.includes(line))
    return {
      theirs: theirLines.filter((line) => !ourLines.includes(line)),
      ours: onlyOurs.filter((line) => {
        // The tcp prober has no cipher.
        if (!module.startsWith('http') && line.startsWith('probe_tls_cipher_info')) return false
        return !(theirs.get('probe_success') === 0 && KEPT_AFTER_FAILURE.test(line))
      }),
    }
  }

  it('has at least 25 endpoints to compare', (context) => {
    needs(context, isReady, 'Docker is not there')
    expect(endpoints.list.length).toBeGreaterThanOrEqual(25)
  })

  it.each(['tcp', 'tcp_insecure', 'http', 'http_insecure'])(
    'module %s: the same values and labels, endpoint by endpoint',
    async (module) => {
      const isTcp = module.startsWith('tcp')
      const compared = endpoints.list.filter(
        (endpoint) => endpoint.module === undefined || (isTcp && endpoint.module === 'tcp'),
      )
      const found = await Promise.all(
        compared.map(async (endpoint) => [endpoint.name, await difference(module, endpoint)] as const),
      )
      const differing = found.filter(([, { theirs, ours: own }]) => theirs.length + own.length > 0)
      expect(Object.fromEntries(differing)).toEqual(wantedDifferences(suite, module))
    },
  )

  it.each(['smtp', 'smtp_insecure'])(
    'module %s: STARTTLS, offered, not offered and refused',
    async (module) => {
      const compared = endpoints.list.filter((endpoint) => endpoint.module === 'smtp')
      expect(compared).toHaveLength(3)
      for (const endpoint of compared)
        expect([endpoint.name, await difference(module, endpoint)]).toEqual([
          endpoint.name,
          { theirs: [], ours: [] },
        ])
    },
  )
})
