import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { errorMessage } from '@ops/internal-error'
import { startDeadline } from './deadline.ts'
import { ProbeFailure } from './failure.ts'
import { exchange } from './http-exchange.ts'
import {
  embeddedOrReferenced,
  field,
  listField,
  readKubernetesYaml,
  secretCertificates,
  textField,
  type Untrusted,
} from './kubernetes-manifest.ts'
import type { EndpointReport } from './report.ts'
import { failedStored, reportStored } from './stored-certificates.ts'
import { formatTarget, type KubernetesTarget } from './target.ts'
import type { VerdictOptions } from './verdict.ts'

/** How to reach a Kubernetes API. */
export interface KubernetesOptions {
  /** @default the service account of the pod that this runs in */
  readonly kubeconfigPath?: string
  /** @default the kubeconfig's current context */
  readonly context?: string
}

export interface ReadSecretsOptions extends VerdictOptions {
  readonly kubernetes?: KubernetesOptions
  readonly timeoutMs?: number
  readonly now?: () => number
  readonly signal?: AbortSignal
}

/** How to talk to an API server. */
interface ApiServer {
  readonly url: URL
  readonly token?: string
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'
const PAGE_SIZE = 100
const MAX_PAGE_BYTES = 64 * 1024 * 1024

/** Reports the certificates in the TLS Secrets that match `target`. It needs `list` on `secrets`. */
export async function readKubernetesSecrets(
  target: KubernetesTarget,
  options: ReadSecretsOptions,
): Promise<EndpointReport[]> {
  const startedAt = performance.now()
  const deadline = startDeadline(options.timeoutMs ?? 10_000, options.signal)
  const shown = formatTarget(target)
  try {
    const server = await apiServer(options.kubernetes ?? {})
    const found = (await listSecrets(server, target, deadline.signal)).flatMap((item) =>
      secretCertificates(item),
    )
    if (found.length === 0)
      throw new ProbeFailure(
        'read',
        'no-certificate',
        `no Secret that matches ${shown} has a certificate in it`,
      )
    return found.flatMap((stored) => reportStored(stored, (options.now ?? Date.now)(), options, startedAt))
  } catch (error) {
    options.signal?.throwIfAborted()
    const { failure } =
      error instanceof ProbeFailure
        ? error
        : new ProbeFailure(
            'read',
            'api-failed',
            `the Kubernetes API could not be asked for ${shown}: ${errorMessage(error)}`,
            error,
          )
    return [failedStored(shown, undefined, failure, startedAt)]
  } finally {
    deadline.release()
  }
}

async function listSecrets(
  server: ApiServer,
  target: KubernetesTarget,
  signal: AbortSignal,
): Promise<Untrusted[]> {
  const [inNamespace, isWanted] = [matcher(target.namespace), matcher(target.secret)]
  const path = target.namespace.includes('*')
    ? '/api/v1/secrets'
    : `/api/v1/namespaces/${target.namespace}/secrets`
  const found: Untrusted[] = []
  for (let next = ''; ;) {
    const url = new URL(`.${path}`, server.url)
    url.searchParams.set('limit', String(PAGE_SIZE))
    url.searchParams.set('fieldSelector', 'type=kubernetes.io/tls')
    if (next !== '') url.searchParams.set('continue', next)
    const { token, ca, cert, key } = server
    const headers = {
      accept: 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    }
    const page: Untrusted = JSON.parse(
      (await exchange(url, { headers, ca, cert, key, maxBytes: MAX_PAGE_BYTES, signal })).toString('utf8'),
    )
    for (const item of listField(page, 'items')) {
      const metadata = field(item, 'metadata')
      if (!inNamespace.test(textField(metadata, 'namespace')) || !isWanted.test(textField(metadata, 'name')))
        continue
      found.push({ kind: 'Secret', metadata, data: field(item, 'data') })
    }
    next = textField(field(page, 'metadata'), 'continue')
    if (next === '') return found
  }
}

/** The pattern has only letters, digits, `-`, `.` and `*`: parseTarget sees to that. */
function matcher(pattern: string): RegExp {
  return new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`)
}

function apiServer(options: KubernetesOptions): Promise<ApiServer> {
  return options.kubeconfigPath === undefined
    ? fromServiceAccount()
    : fromKubeconfig(options.kubeconfigPath, options.context)
}

async function fromServiceAccount(): Promise<ApiServer> {
  const host = process.env['KUBERNETES_SERVICE_HOST']
  if (host === undefined) {
    throw new Error('this does not run in a pod, and no kubeconfig was given')
  }
  const port = process.env['KUBERNETES_SERVICE_PORT'] ?? '443'
  const [token, ca] = await Promise.all([
    readFile(`${SERVICE_ACCOUNT}/token`, 'utf8'),
    readFile(`${SERVICE_ACCOUNT}/ca.crt`, 'utf8'),
  ])
  return {
    url: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}/`),
    token: token.trim(),
    ca,
  }
}

async function fromKubeconfig(path: string, wantedContext: string | undefined): Promise<ApiServer> {
  const [config] = readKubernetesYaml(await readFile(path, 'utf8'))
  const named = (list: string, name: string): Untrusted =>
    listField(config, list).find((entry) => textField(entry, 'name') === name)
  const contextName = wantedContext ?? textField(config, 'current-context')
  const context = field(named('contexts', contextName), 'context')
  const cluster = field(named('clusters', textField(context, 'cluster')), 'cluster')
  const user = field(named('users', textField(context, 'user')), 'user')
  const server = textField(cluster, 'server')
  if (!URL.canParse(server)) throw new Error(`${path} has no server for the context "${contextName}"`)
  if (field(user, 'exec') !== undefined || field(user, 'auth-provider') !== undefined) {
    throw new Error(
      `${path} wants a program to be run for credentials, which is not done here: use a token or a client certificate`,
    )
  }
  const referenced = (file: string): Promise<string> => readFile(resolve(dirname(path), file), 'utf8')
  const tokenFile = textField(user, 'tokenFile')
  const token = tokenFile === '' ? textField(user, 'token') : (await referenced(tokenFile)).trim()
  const ca = await embeddedOrReferenced(cluster, 'certificate-authority', referenced)
  const cert = await embeddedOrReferenced(user, 'client-certificate', referenced)
  const key = await embeddedOrReferenced(user, 'client-key', referenced)
  return {
    url: new URL(server.endsWith('/') ? server : `${server}/`),
    ...(token === '' ? {} : { token }),
    ...(ca === '' ? {} : { ca }),
    ...(cert === '' ? {} : { cert, key }),
  }
}
