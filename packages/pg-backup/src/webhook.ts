import pRetry from 'p-retry'
import { setTimeout as sleep } from 'node:timers/promises'
import { BackupError } from './backup-error.ts'
import type { BackupHooks } from './hooks.ts'
import { failureMessage, messageText, successMessage, type WebhookMessage } from './webhook-message.ts'

/** `json`: a {@link WebhookMessage}; `slack`: `{ "text": … }`, which Slack, Mattermost, Rocket.Chat and Google Chat take. */
export type WebhookFormat = 'json' | 'slack'

/** Options of {@link webhookNotifier}. */
export interface WebhookOptions {
  /** `https://…` or `http://…`. Whoever knows it can post, so it is a secret: no error and no log has it. */
  readonly url: string
  /** @default 'json' */
  readonly format?: WebhookFormat
  /** Tell of failures only, or of every backup. @default 'failure' */
  readonly notify?: 'failure' | 'always'
  /** Time for one request, until its answer is there. @default 10_000 */
  readonly timeoutMs?: number
  /** How often a request is repeated when the receiver cannot be reached or answers 429 or 5xx. @default 3 */
  readonly retries?: number
  /** Before the first repetition; doubles each time. `Retry-After` may ask for more, up to 10 s. @default 1000 */
  readonly retryDelayMs?: number
}

const MAX_RETRY_AFTER_MS = 10_000

/** An answer, or none, after which it is worth trying again. */
class TryAgain extends Error {
  readonly retryAfterMs: number
  constructor(why: string, retryAfterMs = 0) {
    super(why)
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * Hooks that POST what became of a backup to a URL. The hook fails when the receiver does not take
 * the message in the end; the backup does not. Throws `BACKUP_BAD_OPTIONS` for what is not a URL.
 *
 * @example
 * ```ts
 * import { fileStore } from '@ops/object-store'
 * import { createBackup, webhookNotifier } from '@ops/pg-backup'
 *
 * const notifier = webhookNotifier({ url: process.env['WEBHOOK_URL'] ?? '', format: 'slack', notify: 'always' })
 * await createBackup({ store: fileStore({ folder: '/backups' }), hooks: [notifier] })
 * ```
 */
export function webhookNotifier(options: WebhookOptions): BackupHooks {
  const target = checkUrl(options.url)
  const post = (
    message: WebhookMessage,
    signal: AbortSignal,
    retries = options.retries ?? 3,
  ): Promise<void> => deliver(target, { ...options, retries }, message, signal)
  return {
    onSuccess: async (success, { signal }) => {
      if (options.notify === 'always') await post(successMessage(success), signal)
    },
    // Who stops a backup waits for its end: one request has to do.
    onFailure: (failure, { signal }) =>
      post(failureMessage(failure), signal, failure.code === 'ABORTED' ? 0 : undefined),
  }
}

async function deliver(
  url: URL,
  { format, retries, retryDelayMs = 1000, timeoutMs = 10_000 }: WebhookOptions,
  message: WebhookMessage,
  signal: AbortSignal,
): Promise<void> {
  const body = JSON.stringify(format === 'slack' ? slackMessage(message) : message)
  await pRetry(() => attempt(url, body, timeoutMs, signal), {
    retries,
    minTimeout: retryDelayMs,
    randomize: true,
    shouldRetry: ({ error }) => error instanceof TryAgain && !signal.aborted,
    onFailedAttempt: async ({ error, retriesLeft }) => {
      if (error instanceof TryAgain && retriesLeft > 0) await sleep(error.retryAfterMs, undefined, { signal })
    },
    signal,
  })
}

async function attempt(url: URL, body: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  let response: Response
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      // Another place than the one that was named does not get the message.
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    })
    await response.body?.cancel()
  } catch (error) {
    signal.throwIfAborted()
    throw new TryAgain(`the webhook was not reached: ${networkReason(error, timeoutMs)}`)
  }
  if (response.ok) return
  const why = `the webhook answered with HTTP status ${response.status}`
  if (response.status === 429 || response.status >= 500) throw new TryAgain(why, retryAfterMs(response))
  throw new Error(why)
}

/** Why a request failed; from codes alone, as messages have host names or the whole URL in them. */
function networkReason(error: unknown, timeoutMs: number): string {
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return `no answer within ${timeoutMs} ms`
  const { code } = ((error as Error).cause ?? error) as { code?: unknown }
  return typeof code === 'string' ? code : 'the request failed'
}

/** Seconds, or a date. */
function retryAfterMs(response: Response): number {
  const text = response.headers.get('retry-after')
  if (text === null) return 0
  const milliseconds = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Math.min(Math.max(milliseconds || 0, 0), MAX_RETRY_AFTER_MS)
}

/** Slack reads `<!channel>` and links in a text, unless these three are written so. */
function slackMessage(message: WebhookMessage): { text: string } {
  const text = messageText(message).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return { text }
}

function checkUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol !== 'https:' && parsed?.protocol !== 'http:')
    throw new BackupError('BACKUP_BAD_OPTIONS', 'the webhook is not an http:// or https:// URL')
  if (parsed.username !== '' || parsed.password !== '')
    throw new BackupError(
      'BACKUP_BAD_OPTIONS',
      'the webhook has a user or password in its URL; use a token in its path',
    )
  return parsed
}
