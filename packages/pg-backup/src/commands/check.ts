import { formatBytes, type CliContext } from '@ops/internal-cli'
import type { Command } from 'commander'
import { checkBackup } from '../check-backup.ts'
import type { Checked, CheckProgress } from '../json-output.ts'
import { findManifest, withBackupArgument, type FindFlags } from './find.ts'
import { openFlaggedStore } from './options.ts'
import { createOutput, withOutputFlags, type OutputFlags } from './output.ts'

type Flags = FindFlags & OutputFlags

export function addCheck(program: Command, context: CliContext): void {
  const command = program
    .command('check')
    .description('compare a backup with its checksums, without restoring it')
  withOutputFlags(withBackupArgument(command))
    .addHelpText('after', EXAMPLES)
    .action((id: string, flags: Flags) => check(id, flags, context))
}

const EXAMPLES = `
Example:
  $ pg-backup check latest --of app --store file:///var/backups/postgres`

async function check(id: string, flags: Flags, context: CliContext): Promise<void> {
  await using store = await openFlaggedStore(flags, context)
  using output = createOutput<CheckProgress, Checked>(flags, context)
  const manifest = await findManifest(store, id, flags, context)
  const result = await checkBackup({
    store,
    manifest,
    signal: context.signal,
    onProgress: (progress) => {
      const { bytes: done, total } = progress
      output.progress(progress, { doing: 'checking', done, total })
    },
  })
  await output.done({ id: manifest.id, ...result }, [
    `${manifest.id} is intact: ${result.objects} object(s), ${formatBytes(result.bytes)}; only a restore proves that it restores`,
  ])
}
