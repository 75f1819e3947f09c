import { parseCalendarDuration } from './calendar-duration.ts'
import { checkPolicy, COUNT_RULES, UNLIMITED, WITHIN_RULES, type RetentionPolicy } from './policy.ts'
import { RetentionError } from './retention-error.ts'

/** The names of the text form, and the fields of the policy that they set. */
const COUNTS = new Map<string, (typeof COUNT_RULES)[number] | 'minKeep'>([
  ...COUNT_RULES.map((rule) => [rule, rule] as const),
  ['min-keep', 'minKeep'],
])
const WITHINS = new Map(
  WITHIN_RULES.map(
    (rule) => [rule.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), rule] as const,
  ),
)
const AGE_UNITS = new Map([
  ['d', 1],
  ['w', 7],
])

type MutablePolicy = { -readonly [Field in keyof RetentionPolicy]: RetentionPolicy[Field] }

/**
 * Reads a policy as people write it: `keep 30d`, or `last=3,daily=7,weekly=4,within=36h`, or both in
 * one. Entries are parted by commas or spaces; `tag=a+b` (both tags) and `pin=…` may come often.
 * Throws `RETENTION_POLICY_INVALID` and `RETENTION_POLICY_EMPTY`.
 *
 * @example
 * ```ts
 * import { parsePolicy } from '@ops/s3-retention'
 *
 * const policy = parsePolicy('last=3,daily=7,weekly=4,monthly=12,tag=legal')
 * console.log(JSON.stringify(policy))
 * ```
 */
export function parsePolicy(text: string): RetentionPolicy {
  const policy: MutablePolicy = {}
  for (const entry of text.split(/[\s,]+/)) {
    if (entry === '' || entry === 'keep') continue
    const [, name, value] = /^([a-z-]+)=(.*)$/.exec(entry) ?? []
    if (name === undefined) setOnce(policy, 'maxAgeDays', parseAge(entry))
    else setEntry(policy, name, value!)
  }
  return checkPolicy(policy)
}

/**
 * The text form of a policy; `parsePolicy` reads it back. Tags and pins with commas, spaces or `+` have none.
 *
 * @example
 * ```ts
 * import { formatPolicy, parsePolicy } from '@ops/s3-retention'
 *
 * console.log(formatPolicy(parsePolicy('last=3 daily=7, weekly=4'))) // last=3,daily=7,weekly=4
 * ```
 */
export function formatPolicy(policy: RetentionPolicy): string {
  const entries = policy.maxAgeDays === undefined ? [] : [`keep ${policy.maxAgeDays}d`]
  for (const [name, field] of COUNTS) {
    const count = policy[field]
    if (count !== undefined) entries.push(`${name}=${count === UNLIMITED ? 'unlimited' : count}`)
  }
  for (const [name, field] of WITHINS) {
    if (policy[field] !== undefined) entries.push(`${name}=${policy[field]}`)
  }
  for (const list of policy.tags ?? []) entries.push(`tag=${list.join('+')}`)
  for (const pin of policy.pins ?? []) entries.push(`pin=${pin}`)
  return entries.join(',')
}

function setEntry(policy: MutablePolicy, name: string, value: string): void {
  const [countRule, withinRule] = [COUNTS.get(name), WITHINS.get(name)]
  if (countRule !== undefined) {
    setOnce(policy, countRule, parseCount(name, value))
  } else if (withinRule !== undefined) {
    parseCalendarDuration(value, name)
    setOnce(policy, withinRule, value)
  } else if (name === 'tag') {
    policy.tags = [...(policy.tags ?? []), value.split('+')]
  } else if (name === 'pin') {
    policy.pins = [...(policy.pins ?? []), value]
  } else {
    throw invalid(
      `"${name}" is not a rule; known are ${[...COUNTS.keys(), ...WITHINS.keys(), 'tag', 'pin'].join(', ')}`,
    )
  }
}

function setOnce<Field extends keyof MutablePolicy>(
  policy: MutablePolicy,
  field: Field,
  value: MutablePolicy[Field],
): void {
  if (policy[field] !== undefined) throw invalid(`${field} stands there twice`)
  policy[field] = value
}

function parseCount(name: string, value: string): number {
  if (value === 'unlimited' || value === 'all') return UNLIMITED
  if (!/^-?\d+$/.test(value))
    throw invalid(`${name}: "${value}" is not a whole number of 0 or more, nor "unlimited"`)
  return Number(value)
}

function parseAge(entry: string): number {
  const [, count, unit] = /^(\d+(?:\.\d+)?)([a-z]*)$/i.exec(entry) ?? []
  const days = AGE_UNITS.get(unit ?? '')
  if (count === undefined)
    throw invalid(`"${entry}" is neither an age such as 30d nor a rule such as daily=7`)
  if (days !== undefined) return Number(count) * days
  const hint =
    unit === 'm' || unit === 'y' || unit === 'h'
      ? `; within=${entry} counts in calendar units from the newest item`
      : ''
  throw invalid(
    `"${entry}" has ${unit === '' ? 'no unit' : `the unknown unit "${unit}"`}: ages are in days (30d) or weeks (4w)${hint}`,
  )
}

function invalid(message: string): RetentionError {
  return new RetentionError('RETENTION_POLICY_INVALID', `the policy makes no sense: ${message}`)
}
