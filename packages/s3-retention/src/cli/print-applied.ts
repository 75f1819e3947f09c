import { createProgressLine, formatBytes, formatCount, printable, type CliContext } from '@ops/internal-cli'
import type { ApplyProgress, ApplyResult, ItemOutcome } from '../apply.ts'

const SPARED: ReadonlySet<ItemOutcome> = new Set(['changed', 'needed', 'locked', 'failed'])

/** One line for each item that is still there, and one for all that are gone. Quiet, only of what is wrong, which a lock is not. */
export function reportApplied(
  { items, deleted, failures }: ApplyResult,
  { quiet = false }: { readonly quiet?: boolean },
  context: CliContext,
): void {
  for (const { id, outcome, detail = '' } of items) {
    if (SPARED.has(outcome) && !(quiet && outcome === 'locked'))
      context.say(printable(`${outcome}: ${id}: ${detail}`))
  }
  if (quiet && failures === 0) return
  const failed = failures === 0 ? '' : `, ${formatCount(failures)} could not be deleted`
  context.say(`deleted ${formatCount(deleted.items)} (${formatBytes(deleted.bytes)})${failed}`)
}

export async function withApplyProgress(
  { quiet = false }: { readonly quiet?: boolean },
  work: (onProgress: (progress: ApplyProgress) => void) => Promise<ApplyResult>,
): Promise<ApplyResult> {
  const line = quiet ? undefined : createProgressLine()
  try {
    return await work((progress) =>
      line?.update(
        progress.phase === 'checking'
          ? { doing: 'checking that nothing has changed' }
          : {
              doing: 'deleting',
              done: progress.items,
              total: progress.totalItems,
              unit: 'items',
              details: [formatBytes(progress.bytes)],
            },
      ),
    )
  } finally {
    line?.clear()
  }
}
