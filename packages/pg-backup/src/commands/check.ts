import { createProgressLine, formatBytes, type CliContext } from '@ops/internal-cli'
import type { Command } from 'commander'
import { checkBackup } from '../check-backup.ts'
import { findManifest, withBackupArgument, type FindFlags } from './find.ts'
import { openFlaggedStore } from './options.ts'

type Flags = FindFlags & { json?: boolean }

export function addCheck(program: Command, context: CliContext): void {
  withBackupArgument(
    program.command('check').description('compare a backup with its checksums, without restoring it'),
  )
    .option('--json', 'print the result as JSON')
    .action((id: string, flags: Flags) => check(id, flags, context))
}

async function check(id: string, flags: Flags, context: CliContext): Promise<void> {
  await using store = await openFlaggedStore(flags, context)
  const manifest = await findManifest(store, id, flags, context)
  const line = createProgressLine()
  try {
    const result = await checkBackup({
      store,
      manifest,
      signal: context.signal,
      onProgress: ({ bytes, total }) =>
        line.update(`checking ${formatBytes(bytes)} of ${formatBytes(total)}`),
    })
    line.clear()
    context.say(
      `${manifest.id} is intact: ${result.objects} object(s), ${formatBytes(result.bytes)}; only a restore proves that it restores`,
    )
    if (flags.json === true) await context.printJson({ id: manifest.id, ...result })
  } finally {
    line.clear()
  }
}
