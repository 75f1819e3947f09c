import { userInfo } from 'node:os'
import { errorMessage } from '@ops/internal-error'
import { isBackupError, type BackupErrorCode } from './backup-error.ts'
import type { BackupResult, CreateBackupOptions } from './create-backup.ts'

/** One call of `createBackup`. */
export interface BackupAttempt {
  readonly cluster: string
  /** The database that was asked for, by the connection, `PGDATABASE` or the role's name. */
  readonly database: string
  /** ISO 8601, UTC. */
  readonly startedAt: string
}

/** A backup that was made, as its hooks are told. */
export interface BackupSuccess extends BackupAttempt {
  readonly result: BackupResult
}

/** Why an attempt failed: a code of `BackupError`, `ABORTED`, or `UNKNOWN` for a defect. */
export type BackupFailureCode = BackupErrorCode | 'ABORTED' | 'UNKNOWN'

/** A backup that failed, as its hooks are told. */
export interface BackupFailure extends BackupAttempt {
  readonly code: BackupFailureCode
  /** What `createBackup` rejects with. */
  readonly error: unknown
  readonly durationMs: number
}

/** What a hook gets beside its event. */
export interface HookContext {
  /** Aborted when the hook has had its time (`hookTimeoutMs`). */
  readonly signal: AbortSignal
}

/**
 * Told what becomes of a backup. `createBackup` waits for its hooks, but at most `hookTimeoutMs` for
 * each; one that throws or takes longer is warned about by the logger, and changes nothing else.
 */
export interface BackupHooks {
  /** Before the database is connected to. */
  onStart?(attempt: BackupAttempt, context: HookContext): void | Promise<void>
  /** After the manifest was published. */
  onSuccess?(success: BackupSuccess, context: HookContext): void | Promise<void>
  /** After a failure or an abort, and after everything was cleaned up. */
  onFailure?(failure: BackupFailure, context: HookContext): void | Promise<void>
}

const DEFAULT_HOOK_TIMEOUT_MS = 60_000

/** Takes a backup, and tells the hooks about it. */
export async function withHooks(
  options: CreateBackupOptions,
  takeBackup: () => Promise<BackupResult>,
): Promise<BackupResult> {
  options.signal?.throwIfAborted()
  const attempt = describeAttempt(options)
  await callHooks(options, 'onStart', attempt)
  const result = await tellingOfFailure(options, attempt, takeBackup)
  await callHooks(options, 'onSuccess', { ...attempt, result })
  return result
}

/** Does work without which there is no backup at all, and tells the hooks if it fails. */
export async function withFailureHook<T>(options: CreateBackupOptions, work: () => Promise<T>): Promise<T> {
  return await tellingOfFailure(options, describeAttempt(options), work)
}

async function tellingOfFailure<T>(
  options: CreateBackupOptions,
  attempt: BackupAttempt,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { signal, now = () => new Date() } = options
    const durationMs = Math.max(0, now().getTime() - Date.parse(attempt.startedAt))
    await callHooks(options, 'onFailure', { ...attempt, code: failureCode(error, signal), error, durationMs })
    throw error
  }
}

function describeAttempt(options: CreateBackupOptions): BackupAttempt {
  const { cluster = 'main', connection, env = process.env, now = () => new Date() } = options
  const { database, user } = connection ?? {}
  return {
    cluster,
    database: database ?? env['PGDATABASE'] ?? user ?? env['PGUSER'] ?? userInfo().username,
    startedAt: now().toISOString(),
  }
}

function failureCode(error: unknown, signal: AbortSignal | undefined): BackupFailureCode {
  if (isBackupError(error)) return error.code
  return signal?.aborted === true ? 'ABORTED' : 'UNKNOWN'
}

type HookEvent<Name extends keyof BackupHooks> = Parameters<NonNullable<BackupHooks[Name]>>[0]

async function callHooks<Name extends keyof BackupHooks>(
  { hooks = [], hookTimeoutMs = DEFAULT_HOOK_TIMEOUT_MS, logger }: CreateBackupOptions,
  name: Name,
  event: HookEvent<Name>,
): Promise<void> {
  await Promise.all(
    hooks.map(async (hook) => {
      try {
        await withinTime(hookTimeoutMs, async (context) => {
          // oxlint-disable-next-line typescript/no-explicit-any -- TypeScript cannot see that `event` is of `name`
          await (hook[name] as any)?.(event, context)
        })
      } catch (error) {
        const { cluster, database } = event
        const fields = { cluster, database, hook: name }
        logger?.warn(
          fields,
          `the hook ${name} failed, which the backup does not mind: ${errorMessage(error)}`,
        )
      }
    }),
  )
}

async function withinTime(timeoutMs: number, call: (context: HookContext) => Promise<void>): Promise<void> {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`it took longer than ${timeoutMs} ms`)
      controller.abort(error)
      reject(error)
    }, timeoutMs)
  })
  try {
    await Promise.race([call({ signal: controller.signal }), late])
  } finally {
    clearTimeout(timer)
  }
}
