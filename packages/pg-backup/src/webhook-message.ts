import { hostname } from 'node:os'
import { formatBytes, formatCount, formatDuration } from '@ops/internal-cli/format'
import { errorMessage } from '@ops/internal-error'
import type { BackupFailure, BackupSuccess } from './hooks.ts'
import { manifestTotals } from './manifest-totals.ts'

/** The format of the generic message; its major version changes when a field goes or changes its meaning. */
export const WEBHOOK_FORMAT = 'ops.backup-event/1'

interface CommonFields {
  readonly format: typeof WEBHOOK_FORMAT
  readonly cluster: string
  readonly database: string
  /** The machine that ran the backup. */
  readonly host: string
  /** ISO 8601, UTC. */
  readonly startedAt: string
  readonly durationMs: number
}

/** What the webhook posts as generic JSON; its schema is `@ops/pg-backup/webhook.schema.json`. */
export type WebhookMessage =
  | (CommonFields & {
      readonly event: 'backup.succeeded'
      readonly id: string
      readonly tables: number
      /** Absent when the rows were not counted. */
      readonly rows?: number
      readonly rawBytes: number
      readonly storedBytes: number
      /** What `pg_dump` said on stderr. */
      readonly warnings: readonly string[]
    })
  | (CommonFields & {
      readonly event: 'backup.failed'
      /** The code of the `BackupError`, `ABORTED` or `UNKNOWN`. */
      readonly error: { readonly code: string; readonly message: string }
    })

const MAX_TEXT_LENGTH = 2000

/** The message about a backup that was published. */
export function successMessage({ cluster, startedAt, result }: BackupSuccess): WebhookMessage {
  const { manifest, database, id, durationMs } = result
  const { tables, rows, rawBytes, storedBytes } = manifestTotals(manifest)
  return {
    format: WEBHOOK_FORMAT,
    event: 'backup.succeeded',
    cluster,
    database,
    host: hostname(),
    startedAt,
    durationMs,
    id,
    tables,
    ...(rows === undefined ? {} : { rows }),
    rawBytes,
    storedBytes,
    warnings: manifest.warnings.map(withoutSecrets),
  }
}

/** The message about an attempt that failed. */
export function failureMessage(failure: BackupFailure): WebhookMessage {
  const { cluster, database, startedAt, durationMs, code, error } = failure
  return {
    format: WEBHOOK_FORMAT,
    event: 'backup.failed',
    cluster,
    database,
    host: hostname(),
    startedAt,
    durationMs,
    error: { code, message: withoutSecrets(errorMessage(error)) },
  }
}

/** The message as one line for people. */
export function messageText(message: WebhookMessage): string {
  const { cluster, database, host, durationMs } = message
  const what = `"${database}" of cluster "${cluster}" on ${host}`
  const time = formatDuration(durationMs)
  if (message.event === 'backup.failed')
    return `Backup FAILED: ${what}, after ${time}: ${message.error.message} [${message.error.code}]`
  const { tables, rows, rawBytes, storedBytes, warnings } = message
  return [
    `Backup done: ${what}: ${formatCount(tables)} tables`,
    ...(rows === undefined ? [] : [`${formatCount(rows)} rows`]),
    `${formatBytes(rawBytes)} as ${formatBytes(storedBytes)}`,
    `in ${time}`,
    ...(warnings.length === 0 ? [] : [`${warnings.length} warning(s), the first: ${warnings[0]}`]),
  ].join(', ')
}

/**
 * Errors have no secrets in them, and this message leaves the house: whatever looks like one is taken
 * out all the same. User and query of every URL, and what follows `password=` and the like.
 */
function withoutSecrets(text: string): string {
  return text
    .replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s"']*@/gi, '$1***@')
    .replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/[^\s?"']*)\?[^\s"')]*/gi, '$1?***')
    .replaceAll(
      /([\w-]*(?:password|passwd|secret|token|access_?key)[\w-]*)\s*[=:]\s*('[^']*'|"[^"]*"|\S+)/gi,
      '$1=***',
    )
    .slice(0, MAX_TEXT_LENGTH)
}
