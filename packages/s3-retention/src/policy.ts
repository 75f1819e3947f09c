import { parseCalendarDuration } from './calendar-duration.ts'
import { RetentionError } from './retention-error.ts'

/**
 * Which items of a group to keep. Rules are ORed: an item is kept when any rule keeps it. Counts,
 * `within…` and `tags` mean what restic's `forget --keep-…` options mean.
 */
export interface RetentionPolicy {
  /** Items at most this many times 24 hours old, counted from now. */
  readonly maxAgeDays?: number
  /** The newest so many items; -1 is all of them. */
  readonly last?: number
  /** The newest item of each of the last so many hours that have one; -1 is every hour. */
  readonly hourly?: number
  readonly daily?: number
  /** ISO 8601 weeks, which begin on Monday. */
  readonly weekly?: number
  readonly monthly?: number
  readonly yearly?: number
  /** Everything less than this much older than the group's newest item: `36h`, `7d`, `1y6m`; `m` is months. */
  readonly within?: string
  /** The newest item of each hour, as far back as this from the group's newest item. */
  readonly withinHourly?: string
  readonly withinDaily?: string
  readonly withinWeekly?: string
  readonly withinMonthly?: string
  readonly withinYearly?: string
  /** Items that have all tags of any of these lists; the list `['']` means items without tags. */
  readonly tags?: readonly (readonly string[])[]
  /** Ids of items to keep whatever else the policy says; `*` stands for any characters. */
  readonly pins?: readonly string[]
  /** When the rules keep fewer good items than this in a group, the newest others fill up. */
  readonly minKeep?: number
}

export const COUNT_RULES = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const
export const WITHIN_RULES = [
  'within',
  'withinHourly',
  'withinDaily',
  'withinWeekly',
  'withinMonthly',
  'withinYearly',
] as const

/** A count that never runs out. */
export const UNLIMITED = -1

const MAX_AGE_DAYS = 100_000
const FIELDS: readonly string[] = ['maxAgeDays', ...COUNT_RULES, ...WITHIN_RULES, 'tags', 'pins', 'minKeep']

/**
 * Checks a policy that may come from anywhere, and returns it. Throws `RETENTION_POLICY_INVALID`,
 * and `RETENTION_POLICY_EMPTY` for one without a rule; `pins` and `minKeep` alone are no rule.
 */
export function checkPolicy(policy: RetentionPolicy): RetentionPolicy {
  if (typeof policy !== 'object' || policy === null) throw invalid('a policy is an object')
  for (const field of Object.keys(policy)) {
    if (!FIELDS.includes(field))
      throw invalid(`"${field}" is not part of a policy; known are ${FIELDS.join(', ')}`)
  }
  for (const rule of COUNT_RULES) checkInteger(rule, policy[rule], UNLIMITED)
  checkInteger('minKeep', policy.minKeep, 0)
  const { maxAgeDays } = policy
  if (
    maxAgeDays !== undefined &&
    !(Number.isFinite(maxAgeDays) && maxAgeDays > 0 && maxAgeDays <= MAX_AGE_DAYS)
  ) {
    throw invalid(`maxAgeDays: ${maxAgeDays} is not a number of days above 0 and up to ${MAX_AGE_DAYS}`)
  }
  for (const rule of WITHIN_RULES) {
    const text = policy[rule]
    checkStrings(rule, text === undefined ? [] : [text])
    if (text !== undefined) parseCalendarDuration(text, rule)
  }
  checkStrings('pins', policy.pins)
  if (policy.tags !== undefined && !Array.isArray(policy.tags))
    throw invalid('tags: it must be a list of lists of tags')
  for (const list of policy.tags ?? []) {
    checkStrings('tags', list)
    if (list.length === 0)
      throw invalid("tags: an empty list would keep everything; [''] means items without tags")
  }
  if (isEmpty(policy)) {
    throw new RetentionError(
      'RETENTION_POLICY_EMPTY',
      'the policy has no rule that keeps anything, so it would remove everything; give it one, such as "keep 30d" or "daily=7,weekly=4"',
    )
  }
  return policy
}

function isEmpty(policy: RetentionPolicy): boolean {
  const hasCount = COUNT_RULES.some((rule) => (policy[rule] ?? 0) !== 0)
  const hasWithin = WITHIN_RULES.some((rule) => policy[rule] !== undefined)
  return !hasCount && !hasWithin && policy.maxAgeDays === undefined && (policy.tags ?? []).length === 0
}

function checkInteger(name: string, value: unknown, min: number): void {
  if (value === undefined) return
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min) {
    const unlimited = min === UNLIMITED ? ', or -1 for "unlimited"' : ''
    throw invalid(`${name}: ${JSON.stringify(value)} is not a whole number of 0 or more${unlimited}`)
  }
}

function checkStrings(name: string, value: unknown): void {
  if (value === undefined) return
  if (!Array.isArray(value) || value.some((each) => typeof each !== 'string'))
    throw invalid(`${name}: it must be a list of strings`)
}

function invalid(message: string): RetentionError {
  return new RetentionError('RETENTION_POLICY_INVALID', `the policy makes no sense: ${message}`)
}
