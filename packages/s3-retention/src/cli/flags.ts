import { parseInteger, UsageError } from '@ops/internal-cli'
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { GapWindow } from '../gaps.ts'
import { PERIODS, type Period } from '../period.ts'

/** Where to look, and what an item is there. */
export interface StoreFlags {
  store: string
  prefix: string
  objects?: boolean
  groupBy?: string
  timePattern?: string
  timeZone: string
  graceHours: number
  json?: boolean
  quiet?: boolean
}

export interface GapFlags {
  gapPeriod?: Period
  gapPeriods?: number
  retiredAfterDays?: number
}

export interface PolicyFlags extends StoreFlags, GapFlags {
  policy: string
}

export function addStoreFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--store <url>', 'where to look: s3://… or file:///…')
        .env('OPS_STORE')
        .makeOptionMandatory(),
    )
    .option('--prefix <prefix>', 'only keys that begin with this', '')
    .option(
      '--objects',
      'every object is an item of its own (default: backup sets, folders with a manifest.json)',
    )
    .option(
      '--group-by <regexp>',
      'with --objects: what the captures match is the group (default: the folder)',
    )
    .option(
      '--time-pattern <pattern>',
      'with --objects: the time in keys, such as %Y-%m-%d (default: LastModified)',
    )
    .addOption(
      new Option('--time-zone <name>', 'IANA name of the zone of days, weeks and times in keys')
        .env('OPS_TIME_ZONE')
        .default('UTC'),
    )
    .option(
      '--grace-hours <hours>',
      'leave alone what has no manifest until it is this old',
      parseInteger(0),
      72,
    )
    .option('--json', 'print the result as JSON')
}

export function addPolicyFlags(command: Command): Command {
  command.addOption(
    new Option('--policy <policy>', 'what to keep: "keep 30d", or "last=3,daily=7,weekly=4,monthly=12"')
      .env('OPS_RETENTION_POLICY')
      .makeOptionMandatory(),
  )
  return addGapFlags(addStoreFlags(command))
}

export function addGapFlags(command: Command): Command {
  return command
    .addOption(new Option('--gap-period <period>', 'look for periods without a good item').choices(PERIODS))
    .option(
      '--gap-periods <count>',
      'this many periods back (default: as far as the policy promises)',
      parseInteger(1, 100_000),
    )
    .option(
      '--retired-after-days <days>',
      'look for no gaps in a group in which nothing came for so long (default: always look)',
      parseInteger(1, 100_000),
    )
}

/** `undefined`: what the policy promises. */
export function gapWindow({ gapPeriod, gapPeriods }: GapFlags): GapWindow | undefined {
  if (gapPeriod === undefined && gapPeriods === undefined) return undefined
  if (gapPeriods === undefined)
    throw new UsageError('--gap-period needs --gap-periods: how many of them to look back')
  return { period: gapPeriod ?? 'day', periods: gapPeriods }
}

export function groupExpression({ groupBy }: StoreFlags): RegExp | undefined {
  if (groupBy === undefined) return undefined
  try {
    return new RegExp(groupBy, 'u')
  } catch (error) {
    throw new UsageError(
      `--group-by: "${groupBy}" is not a regular expression (${error instanceof Error ? error.message : ''})`,
    )
  }
}

/** `50`, `50%` → 0.5. */
export function parsePercent(text: string): number {
  const match = /^(\d{1,3})%?$/.exec(text)
  const percent = Number(match?.[1])
  if (match === null || percent > 100)
    throw new InvalidArgumentError('It must be a percentage from 0 to 100.')
  return percent / 100
}
