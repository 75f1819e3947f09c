import { parseBytes, parseDurationMs, parseInteger, parseTimerMs } from '@ops/internal-cli'
import type { Command } from 'commander'
import type { CreateBackupOptions } from '../create-backup.ts'

/** The flags by which a backup is kind to production and to other runs; of `create` and `create-all`. */
export interface RunFlags {
  wait?: number | true
  lease: boolean
  rateLimit?: number
  lockTimeout?: number
  stallTimeout?: number
  attempts?: number
  graceHours?: number
}

const A_DAY_MS = 86_400_000

export function withRunFlags(command: Command): Command {
  return command
    .option(
      '--wait [duration]',
      'wait for a run of the same database, at most this long (default: 1d)',
      parseDurationMs,
    )
    .option('--no-lease', 'let runs of the same database go on side by side')
    .option(
      '--rate-limit <bytes>',
      'read no more than this from the server in a second, such as 20MiB',
      parseBytes,
    )
    .option(
      '--lock-timeout <duration>',
      'fail when a table stays locked for longer (default: --stall-timeout)',
      parseTimerMs,
    )
    .option(
      '--stall-timeout <duration>',
      'fail when the server sends nothing for longer (default: 15m)',
      parseTimerMs,
    )
    .option('--attempts <n>', 'try so often when the reason may pass (default: 1)', parseInteger(1))
    .option('--grace-hours <n>', 'remove what dead runs left when it is older (default: 24)', parseInteger(0))
}

export function runOptionsFromFlags(
  flags: RunFlags,
): Pick<
  CreateBackupOptions,
  'lease' | 'retry' | 'rateLimitBytesPerSecond' | 'lockTimeoutMs' | 'stallTimeoutMs' | 'graceHours'
> {
  const { wait, lease, rateLimit, lockTimeout, stallTimeout, attempts, graceHours } = flags
  return {
    lease: lease ? (wait === undefined ? undefined : { waitMs: wait === true ? A_DAY_MS : wait }) : false,
    retry: attempts === undefined ? undefined : { attempts },
    rateLimitBytesPerSecond: rateLimit,
    lockTimeoutMs: lockTimeout,
    stallTimeoutMs: stallTimeout,
    graceHours,
  }
}
