import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { findProgram, needs } from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { probe } from '../src/probe.ts'
import { issue } from './pki.ts'

const run = promisify(execFile)
const root = issue({ subject: [['CN', 'Root']], ca: true, notAfterDays: 3000 })
const leaf = issue({ subject: [['CN', 'site']], issuer: root, dns: ['site.example'] })
const expired = issue({ subject: [['CN', 'old']], issuer: root, notBeforeDays: -90, notAfterDays: -5 })

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cert-probe-files-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

describe('files', () => {
  it('PEM: a chain is judged as one, a bundle certificate by certificate', async () => {
    const chain = await probe(await file('chain.pem', `${root.pem}${leaf.keyPem}${leaf.pem}`))
    expect(
      chain.endpoints.map(({ location, status, chain: found }) => [
        location,
        status,
        found.map((each) => each.commonName),
      ]),
    ).toEqual([[join(folder, 'chain.pem'), 'ok', ['site', 'Root']]])
    const bundle = await probe(await file('bundle.pem', leaf.pem + expired.pem))
    expect(bundle).toMatchObject({
      status: 'critical',
      endpoints: [{ status: 'ok' }, { status: 'critical', verdict: { daysLeft: -6 } }],
    })
  })

  it('DER', async () => {
    const report = await probe(await file('site.der', leaf.der))
    expect(report).toMatchObject({
      status: 'ok',
      endpoints: [{ origin: { kind: 'file' }, chain: [{ commonName: 'site' }] }],
    })
  })

  it.each([
    ['AES', ['-keypbe', 'AES-256-CBC', '-certpbe', 'AES-256-CBC']],
    [
      '3DES, as older programs write it',
      ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'],
    ],
    ['certificates that are not encrypted', ['-keypbe', 'AES-256-CBC', '-certpbe', 'NONE']],
    ['no key', ['-nokeys']],
  ])('PKCS#12: %s', async (_what, options) => {
    const openssl = findProgram('openssl')
    const context = { skip: (): void => undefined }
    needs(context, openssl !== undefined, 'openssl is not on PATH')
    const [certificate, key] = [
      await file('p12.crt', leaf.pem + root.pem),
      await file('p12.key', leaf.keyPem),
    ]
    const out = join(folder, 'site.p12')
    const input = options.includes('-nokeys') ? ['-in', certificate] : ['-in', certificate, '-inkey', key]
    await run(openssl!, ['pkcs12', '-export', ...input, '-out', out, '-passout', 'pass:geheim ü', ...options])
    const report = await probe(out, { filePassword: 'geheim ü' })
    expect(report.endpoints.map((endpoint) => endpoint.chain.map((each) => each.commonName))).toEqual([
      ['site', 'Root'],
    ])
    expect(await probe(out, { filePassword: 'wrong' })).toMatchObject({
      endpoints: [{ status: 'unknown', failure: { code: 'wrong-password' } }],
    })
    expect((await probe(out)).endpoints[0]!.failure!.message).toContain('needs a password')
  })

  it('PKCS#12 with RC2-40, as older programs write it', async (context) => {
    const openssl = findProgram('openssl')
    needs(context, openssl !== undefined, 'openssl is not on PATH')
    const [certificate, key] = [await file('rc2.crt', leaf.pem), await file('rc2.key', leaf.keyPem)]
    const out = join(folder, 'rc2.p12')
    const args = ['-in', certificate, '-inkey', key, '-out', out, '-passout', 'pass:geheim ü']
    await run(openssl!, ['pkcs12', '-export', '-legacy', ...args])
    const report = await probe(out, { filePassword: 'geheim ü' })
    expect(report).toMatchObject({ status: 'ok', endpoints: [{ chain: [{ commonName: 'site' }] }] })
    expect((await probe(out, { filePassword: 'wrong' })).endpoints[0]!.failure!.code).toBe('wrong-password')
  })

  // firefox.p12: `pk12util -o` of NSS 3.87, which Firefox exports with. java-rc2-40.p12: `keytool
  // -J-Dkeystore.pkcs12.legacy -genkeypair` of Java 17, which is what Java 8 wrote.
  it.each([
    ['of Firefox, in BER with indefinite lengths', 'firefox.p12'],
    ['of Java, with RC2-40', 'java-rc2-40.p12'],
  ])('PKCS#12 %s', async (_what, name) => {
    const path = fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
    const report = await probe(path, { filePassword: 'secret', now: () => Date.UTC(2027, 0, 1) })
    expect(report).toMatchObject({ status: 'ok', endpoints: [{ chain: [{ subject: 'CN=site.example' }] }] })
    expect((await probe(path, { filePassword: 'wrong' })).endpoints[0]!.failure!.code).toBe('wrong-password')
  })

  it('a folder, with all below it, through links, and without what is no certificate', async () => {
    const site = join(folder, 'live', 'site.example')
    await mkdir(site, { recursive: true })
    await mkdir(join(folder, 'live', '..data'), { recursive: true })
    await writeFile(join(folder, 'live', '..data', 'twice.pem'), leaf.pem)
    await writeFile(join(site, 'privkey.pem'), leaf.keyPem)
    await writeFile(join(site, 'broken.crt'), Buffer.from('3082ffff', 'hex'))
    await symlink(await file('target.pem', leaf.pem), join(site, 'cert.pem'))
    const report = await probe(join(folder, 'live'))
    expect(report.endpoints.map(({ location, failure }) => [location, failure?.code])).toEqual([
      [join(site, 'broken.crt'), 'certificate-unreadable'],
      [join(site, 'cert.pem'), undefined],
    ])
  })

  it.each([
    ['nothing there', 'missing.pem', undefined, 'file-unreadable'],
    ['an empty file', 'empty.pem', '', 'no-certificate'],
    ['a key', 'key.pem', leaf.keyPem, 'no-certificate'],
    ['a text', 'text.pem', 'kind: of a text\n', 'no-certificate'],
    [
      'a YAML bomb',
      'bomb.yaml',
      `kind: Config\na: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
        .split('')
        .map((name, index) => `${name}: &${name} [${`*${'abcdefg'[index]},`.repeat(9)}]`)
        .join('\n')}\n`,
      'file-unreadable',
    ],
  ])('%s: a clear failure', async (_what, name, content, code) => {
    const path = content === undefined ? join(folder, name) : await file(name, content)
    expect(await probe(path)).toMatchObject({
      status: 'unknown',
      endpoints: [{ failure: { phase: 'read', code } }],
    })
  })
})

describe('Kubernetes', () => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64')

  it('a kubeconfig: the CA of the cluster and the certificates of users, embedded and in files', async () => {
    await file('user.crt', expired.pem)
    const path = await file(
      'config.yaml',
      `apiVersion: v1\nkind: Config\nclusters:\n- name: prod\n  cluster: { server: "https://x", certificate-authority-data: ${base64(root.pem)} }\n` +
        `users:\n- name: admin\n  user: { client-certificate: user.crt }\n- name: robot\n  user: { token: secret }\n`,
    )
    const report = await probe(path)
    expect(report.endpoints.map(({ origin, status }) => [origin, status])).toEqual([
      [{ kind: 'kubeconfig', path, name: 'prod', type: 'cluster' }, 'ok'],
      [{ kind: 'kubeconfig', path, name: 'admin', type: 'user' }, 'critical'],
    ])
    expect(JSON.stringify(report)).not.toContain('secret')
  })

  it('Secrets in manifests', async () => {
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'tls', namespace: 'shop' },
      data: { 'tls.crt': base64(leaf.pem), 'tls.key': base64('x') },
    }
    const report = await probe(
      await file('secrets.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [secret] })),
    )
    expect(report.endpoints).toMatchObject([
      { origin: { kind: 'kubernetes', namespace: 'shop', secret: 'tls', key: 'tls.crt' }, status: 'ok' },
    ])
  })

  it('Secrets in YAML: several documents, stringData, other kinds between them, another key', async () => {
    const manifests = [
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { greeting: hello }`,
      `apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata:\n  name: tls\n  namespace: shop\ndata:\n  tls.crt: ${base64(leaf.pem)}\n  tls.key: ${base64(leaf.keyPem)}`,
      `apiVersion: v1\nkind: Secret\nmetadata:\n  name: old\nstringData:\n  server.pem: |\n${expired.pem.replace(/^/gm, '    ')}`,
      `apiVersion: v1\nkind: Secret\nmetadata: { name: password }\ndata: { password: ${base64('hunter2')} }`,
    ]
    const report = await probe(await file('secrets.yaml', manifests.join('\n---\n')))
    expect(report.endpoints.map(({ location, origin, status }) => [location, origin, status])).toEqual([
      [
        `${join(folder, 'secrets.yaml')} shop/tls:tls.crt`,
        { kind: 'kubernetes', namespace: 'shop', secret: 'tls', key: 'tls.crt' },
        'ok',
      ],
      [
        `${join(folder, 'secrets.yaml')} default/old:server.pem`,
        { kind: 'kubernetes', namespace: 'default', secret: 'old', key: 'server.pem' },
        'critical',
      ],
    ])
    expect(JSON.stringify(report)).not.toMatch(/hunter2|PRIVATE KEY/)
  })

  it('Secrets by the API, page by page, with the token of a kubeconfig', async () => {
    const requests: string[] = []
    const item = (name: string, pem: string): object => ({
      metadata: { name, namespace: 'shop' },
      data: { 'tls.crt': base64(pem) },
    })
    const server = createServer((request, response) => {
      requests.push(`${request.headers.authorization} ${request.url}`)
      const isSecondPage = request.url!.includes('continue=next')
      const page = isSecondPage
        ? { kind: 'SecretList', metadata: {}, items: [item('tls-b', expired.pem)] }
        : {
            kind: 'SecretList',
            metadata: { continue: 'next' },
            items: [item('tls-a', leaf.pem), item('other', leaf.pem)],
          }
      response.setHeader('content-type', 'application/json').end(JSON.stringify(page))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const kubeconfigPath = await file(
      'api.yaml',
      `kind: Config\ncurrent-context: c\ncontexts: [{ name: c, context: { cluster: k, user: u } }]\n` +
        `clusters: [{ name: k, cluster: { server: "http://127.0.0.1:${port}" } }]\nusers: [{ name: u, user: { token: t0ken } }]\n`,
    )
    const report = await probe('kubernetes://shop/tls-*', { kubernetes: { kubeconfigPath } })
    expect(report.endpoints.map(({ location, status }) => [location, status])).toEqual([
      ['shop/tls-a:tls.crt', 'ok'],
      ['shop/tls-b:tls.crt', 'critical'],
    ])
    expect(requests[0]).toMatch(
      /^Bearer t0ken \/api\/v1\/namespaces\/shop\/secrets\?limit=100&fieldSelector=type%3Dkubernetes\.io%2Ftls$/,
    )
    server.close()
    server.closeAllConnections()
    const gone = await probe('kubernetes://*/*', { kubernetes: { kubeconfigPath } })
    expect(gone.endpoints).toMatchObject([{ status: 'unknown', failure: { code: 'api-failed' } }])
  })
})
