import {
  formatBytes,
  formatCount,
  formatTable,
  printable,
  tableWidth,
  type CliContext,
} from '@ops/internal-cli'
import type { GroupGaps } from '../gaps.ts'
import type { RetentionDecision, RetentionPlan } from '../plan.ts'
import type { BucketFacts } from '../s3/inspect-bucket.ts'

/** Nobody reads more of one group. */
const MAX_ROWS = 1000

/** The plan as a table for each group, and what it comes to. */
export function renderPlan(plan: RetentionPlan): string {
  const byGroup = Map.groupBy(plan.decisions, ({ item }) => item.group)
  const blocks = plan.groups.map((summary) => {
    const decisions = byGroup.get(summary.group) ?? []
    const table = formatTable(
      [
        { header: '' },
        { header: 'ITEM' },
        { header: 'TIME (UTC)' },
        { header: 'SIZE', align: 'right' },
        { header: 'WHY' },
      ],
      decisions.slice(0, MAX_ROWS).map((decision) => rowOf(decision, summary.group)),
      tableWidth(130),
    )
    const refused = summary.refused === undefined ? '' : `\n${summary.refused}; nothing of it is removed`
    const more = decisions.length - MAX_ROWS
    const rest = more > 0 ? `\n… and ${formatCount(more)} older ones; --json lists them all` : ''
    return `${printable(summary.group)}\n${table}${rest}${refused}`
  })
  const { kept, removed } = plan
  const total = `keep ${formatCount(kept.items)} (${formatBytes(kept.bytes)}), remove ${formatCount(removed.items)} (${formatBytes(removed.bytes)} freed)`
  return `${[...blocks, renderGaps(plan.gaps).join('\n'), total].filter((block) => block !== '').join('\n\n')}\n`
}

/** One line for each run of missing periods, and for each group that is retired. */
export function renderGaps(gaps: readonly GroupGaps[]): string[] {
  const retired = gaps
    .filter(({ isRetired }) => isRetired)
    .map(
      ({ group, newestGood }) =>
        `retired: ${printable(group)} is not looked at for gaps; its last good item is ${newestGood === undefined ? 'gone' : `of ${newestGood}`}`,
    )
  const missing = gaps.flatMap(({ group, period, runs }) =>
    runs.map((run) => {
      const range = run.from === run.to ? run.from : `${run.from} to ${run.to}`
      const count = `${formatCount(run.periods)} ${period}${run.periods === 1 ? '' : 's'}`
      const since =
        run.since === undefined ? 'there was none before' : `the last good one before is of ${run.since}`
      return `gap: ${printable(group)} has no good item for ${count}, ${range}${run.isOpen ? ' and until now' : ''}; ${since}`
    }),
  )
  return [...missing, ...retired]
}

/** What an S3 bucket does by itself. */
export function warnOfBucket(
  bucket: BucketFacts | undefined,
  { versions, quiet = false }: { readonly versions: 'mark' | 'purge'; readonly quiet?: boolean },
  context: CliContext,
): void {
  if (bucket === undefined) return
  for (const warning of bucket.warnings) context.say(`warning: ${warning}`)
  if (bucket.versioning === 'on' && versions === 'mark' && !quiet) {
    const freed = bucket.expiresOldVersions
      ? 'a lifecycle rule frees its bytes later'
      : 'no lifecycle rule frees its bytes: use --versions purge, or add a rule with NoncurrentVersionExpiration'
    context.say(`warning: the bucket keeps versions, so deleting an object only hides it; ${freed}`)
  }
}

function rowOf(decision: RetentionDecision, group: string): string[] {
  const { item, keep, reasons, problem, state } = decision
  const why = reasons.join(', ') + (state === 'broken' ? ` (not good: ${problem})` : '')
  const name = item.id.startsWith(`${group}/`) ? item.id.slice(group.length + 1) : item.id
  return [
    keep ? 'keep' : 'REMOVE',
    printable(name),
    item.time.replace('.000Z', 'Z'),
    formatBytes(item.bytes),
    printable(why),
  ]
}
