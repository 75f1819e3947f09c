import type { IncomingMessage, ServerResponse } from 'node:http'
import { renderHtml, type VerificationReport } from '@ops/restore-verify'
import { hasCredentials, type BasicCredentials } from './basic-auth.ts'
import { DATA_POLICY, PAGE_POLICY, REPORT_POLICY, SECURITY_HEADERS } from './content-security.ts'
import { keepFor } from './keep-for.ts'
import { renderStatusPage } from './page.ts'
import { statusDocument } from './status-document.ts'
import { statusSchema } from './status-schema.ts'
import type { Status } from './status.ts'
import { createViewers, type Viewers } from './viewers.ts'

/** Which backup a drill was of. */
export interface DrillRef {
  readonly cluster: string
  readonly database: string
  readonly id: string
}

export interface StatusHandlerOptions {
  /** Called at most once a second for requests, and twice a second while somebody watches: keep what is slow to gather. */
  readonly readStatus: () => Promise<Status>
  /** The report of a backup's last drill. @default there are none to be had */
  readonly readDrillReport?: (drill: DrillRef) => Promise<VerificationReport | undefined>
  /** Told that something changed, so that it is seen at once; returns what ends that. @default the page looks every 10 seconds */
  readonly subscribe?: (changed: () => void) => () => void
  /** Who may see it: these credentials (use TLS in front of them), or those for whom this is true. @default everybody who gets through */
  readonly auth?: BasicCredentials | ((request: IncomingMessage) => boolean | Promise<boolean>)
  /** Told what kept a status or a report from being read; the reader of the page is not. @default nobody is told */
  readonly onError?: (error: unknown) => void
}

/** However often the page is asked for, the status is read and the page made at most once in this time. */
const KEEP_MS = 1000

/** Answers a request, or resolves to `false` when its path is none of the page's. */
export type StatusHandler = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>

/**
 * The status page for a server of `node:http`: `/`, `/api/v1/status`, `/api/v1/status.schema.json`, `/events` and
 * `/drills/<id>`. Whoever listens decides where: on 127.0.0.1 unless `auth` is given. To end the server
 * while somebody watches, call its `closeAllConnections`.
 */
export function createStatusHandler(options: StatusHandlerOptions): StatusHandler {
  const { subscribe, auth, onError = () => undefined } = options
  const readStatus = keepFor(KEEP_MS, options.readStatus)
  // Who is told of a change wants to see it; what is kept is then never older than what was shown.
  const readAfresh = (): Promise<Status> => {
    readStatus.forget()
    return readStatus()
  }
  const viewers = createViewers({ readStatus: readAfresh, subscribe, onError })
  const readPage = keepFor(KEEP_MS, async () => renderStatusPage(await readStatus()))
  return async (request, response) => {
    const route = routeOf(URL.parse(request.url ?? '/', 'http://status')?.pathname ?? '')
    if (route === undefined) return false
    try {
      if (!(await isAllowed(request, auth))) refuse(response, auth)
      else if (request.method !== 'GET' && request.method !== 'HEAD')
        answer(response.setHeader('allow', 'GET, HEAD'), 405, 'Only GET and HEAD.\n')
      else await route({ ...options, readStatus, readPage, viewers, response })
    } catch (error) {
      onError(error)
      if (response.headersSent) response.destroy()
      else answer(response, 503, 'The status cannot be read right now; the log says why.\n')
    }
    return true
  }
}

interface Answering extends StatusHandlerOptions {
  readonly readPage: () => Promise<string>
  readonly viewers: Viewers
  readonly response: ServerResponse
}

type Route = (answering: Answering) => Promise<void> | void

const ROUTES = new Map<string, Route>([
  [
    '/',
    async ({ readPage, response }) =>
      answer(response, 200, await readPage(), 'text/html; charset=utf-8', PAGE_POLICY),
  ],
  [
    '/api/v1/status',
    async ({ readStatus, response }) => answerJson(response, statusDocument(await readStatus())),
  ],
  ['/api/v1/status.schema.json', ({ response }) => answerJson(response, statusSchema)],
  ['/events', watch],
])

function routeOf(pathname: string): Route | undefined {
  const [, drill] = /^\/drills\/([^/]+)$/.exec(pathname) ?? []
  return drill === undefined ? ROUTES.get(pathname) : (answering) => answerDrill(answering, drill)
}

async function answerDrill({ readStatus, readDrillReport, response }: Answering, id: string): Promise<void> {
  // Only what the page links to: no other id ever reaches a store.
  const { databases } = await readStatus()
  const database = databases.find(({ backups }) =>
    backups.some((backup) => backup.id === id && backup.drill !== null),
  )
  const report =
    database && (await readDrillReport?.({ cluster: database.cluster, database: database.database, id }))
  if (report === undefined) answer(response, 404, 'There is no report of such a drill.\n')
  else answer(response, 200, renderHtml(report), 'text/html; charset=utf-8', REPORT_POLICY)
}

function watch({ viewers, response }: Answering): void {
  response.writeHead(200, {
    ...SECURITY_HEADERS,
    'content-security-policy': DATA_POLICY,
    'content-type': 'text/event-stream',
    'x-accel-buffering': 'no',
  })
  if (response.req.method === 'HEAD') response.end()
  else if (!viewers.add(response)) response.end('event: failed\ndata: "too many watch already"\n\n')
}

async function isAllowed(request: IncomingMessage, auth: StatusHandlerOptions['auth']): Promise<boolean> {
  if (auth === undefined) return true
  return typeof auth === 'function' ? await auth(request) : hasCredentials(request, auth)
}

/** A browser is asked for credentials only where there are some to give. */
function refuse(response: ServerResponse, auth: StatusHandlerOptions['auth']): void {
  if (typeof auth === 'function') return answer(response, 403, 'You may not see this.\n')
  response.setHeader('www-authenticate', 'Basic realm="status", charset="UTF-8"')
  answer(response, 401, 'Who are you?\n')
}

function answerJson(response: ServerResponse, value: unknown): void {
  answer(response, 200, `${JSON.stringify(value, null, 2)}\n`, 'application/json; charset=utf-8')
}

function answer(
  response: ServerResponse,
  status: number,
  body: string,
  type = 'text/plain; charset=utf-8',
  policy: string = DATA_POLICY,
): void {
  response.writeHead(status, {
    ...SECURITY_HEADERS,
    'content-security-policy': policy,
    'content-type': type,
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}
