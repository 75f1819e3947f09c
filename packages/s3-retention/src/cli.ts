#!/usr/bin/env node
import { runCli } from '@ops/internal-cli'
import { addExplain } from './cli/explain-command.ts'
import { addGaps } from './cli/gaps-command.ts'
import { addLock } from './cli/lock-command.ts'
import { addApply, addPlan } from './cli/plan-command.ts'
import { addSweep } from './cli/sweep-command.ts'
import { PACKAGE_VERSION } from './version.ts'

runCli(import.meta.url, {
  name: 's3-retention',
  version: PACKAGE_VERSION,
  description: 'Decides which backups or dated objects to keep, says why, and deletes the rest safely.',
  usageCodes: [
    'RETENTION_POLICY_INVALID',
    'RETENTION_POLICY_EMPTY',
    'RETENTION_TIME_ZONE_UNKNOWN',
    'RETENTION_OPTION_INVALID',
    'STORE_BAD_URL',
  ],
  build(program, context) {
    addPlan(program, context)
    addApply(program, context)
    addGaps(program, context)
    addExplain(program, context)
    addSweep(program, context)
    addLock(program, context)
    program.addHelpText(
      'after',
      `
Policies (--policy or OPS_RETENTION_POLICY); an item stays when any rule keeps it:
  keep 30d                                  by age
  last=3,daily=7,weekly=4,monthly=12        the newest three, and one each day, week, month
  within=36h,within-daily=7d                relative to the newest item; units y, m (months), d, h
  tag=a+b  pin=ID  min-keep=3               tags, single items (with *), a minimum for each group

Where to look (--store or OPS_STORE):
  s3://bucket/prefix?region=eu-central-1    credentials from AWS_* as usual
  file:///var/backups/postgres              a local or NFS folder

Exit codes: 0 done, 1 failed, 2 bad usage, 3 done, but there are gaps, failures or refused groups,
130 or 143 stopped by a signal.

Examples:
  $ s3-retention plan --store s3://backups --policy "daily=7,weekly=4,monthly=12"
  $ s3-retention apply --store file:///var/backups/postgres --policy "keep 30d" --apply
  $ s3-retention plan --store s3://logs --objects --time-pattern %Y/%m/%d --policy "keep 90d"
  $ s3-retention lock --store s3://backups --for 30d --apply
  $ s3-retention explain main/logical/app/20261121T020000Z-4fk2q9 --store s3://backups --policy 30d`,
    )
  },
})
