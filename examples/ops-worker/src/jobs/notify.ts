import { webhookNotifier, type BackupHooks, type WebhookOptions } from '@ops/pg-backup'
import type { JobRecord } from '@ops/internal-jobs'

/** What goes on failing is told again after this. */
const REMINDER_MS = 24 * 3_600_000

/**
 * Tells a webhook when the backups of one database begin to fail, once a day while they do, and of the one
 * that ends it: a backup that failed is tried again and again, and nobody wants to read of each time.
 */
export function createNotifier(
  webhook: WebhookOptions,
  now: () => number = Date.now,
): (before: JobRecord | undefined) => BackupHooks {
  const { onFailure, onSuccess } = webhookNotifier({ ...webhook, notify: 'always' })
  let toldAt = -Infinity
  return (before) => {
    const wasFailing = before?.error !== undefined
    return {
      async onFailure(failure, context) {
        // A worker that stops is no failure: the backup is due when one starts again.
        if (failure.code === 'ABORTED' || (wasFailing && now() - toldAt < REMINDER_MS)) return
        toldAt = now()
        await onFailure?.(failure, context)
      },
      async onSuccess(success, context) {
        if (webhook.notify === 'always' || wasFailing) await onSuccess?.(success, context)
      },
    }
  }
}
