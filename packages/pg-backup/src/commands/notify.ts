import { readFile } from 'node:fs/promises'
import { UsageError, type CliContext } from '@ops/internal-cli'
import { errorMessage } from '@ops/internal-error'
import { Option, type Command } from 'commander'
import type { BackupHooks } from '../hooks.ts'
import { webhookNotifier, type WebhookFormat } from '../webhook.ts'

export interface NotifyFlags {
  webhookUrlFile?: string
  webhookFormat: WebhookFormat
  notify: 'failure' | 'always'
}

/** Adds the flags of the webhook. Its URL is a secret, so it has a variable and a file, but no flag. */
export function withNotifyFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--webhook-url-file <file>',
        'file with the URL to tell what became of the backup (or set OPS_WEBHOOK_URL)',
      ).env('OPS_WEBHOOK_URL_FILE'),
    )
    .addOption(
      new Option('--webhook-format <format>', 'the shape of the message: json, or slack and its compatibles')
        .env('OPS_WEBHOOK_FORMAT')
        .choices(['json', 'slack'])
        .default('json'),
    )
    .addOption(
      new Option('--notify <when>', 'when to tell')
        .env('OPS_NOTIFY')
        .choices(['failure', 'always'])
        .default('failure'),
    )
}

/** The webhook that flags and environment name, if any. */
export async function hooksFromFlags(flags: NotifyFlags, context: CliContext): Promise<BackupHooks[]> {
  const url = await webhookUrl(flags, context)
  if (url === undefined) return []
  return [webhookNotifier({ url, format: flags.webhookFormat, notify: flags.notify })]
}

async function webhookUrl(
  { webhookUrlFile: file }: NotifyFlags,
  { env }: CliContext,
): Promise<string | undefined> {
  if (file === undefined || file === '') return env['OPS_WEBHOOK_URL'] || undefined
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    throw new UsageError(`the webhook's URL cannot be read: ${errorMessage(error)}`)
  }
}
