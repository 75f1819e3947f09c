import { readFileSync, statSync } from 'node:fs'
import { dirname, isAbsolute, resolve } from 'node:path'
import { errorMessage } from '@ops/internal-error'
import { isPgBouncerStatsError, PgBouncerStatsError } from './error.ts'
import { parseConfig } from './config-parse.ts'
import type { LintConfigOptions } from './lint-config.ts'
import type { LintFacts } from './lint-context.ts'
import { parseUserlist } from './userlist-parse.ts'

/** Options of {@link loadConfig}. */
export interface LoadConfigOptions {
  /** The path of `pgbouncer.ini`. */
  readonly file: string
  /** What relative paths in it are relative to: PgBouncer's working directory. @default the file's folder */
  readonly workingDirectory?: string
}

/** A configuration file and what stands beside it, as `lintConfig` takes it. */
export interface LoadedConfig
  extends
    Required<Pick<LintConfigOptions, 'text' | 'file' | 'readInclude' | 'fileModes'>>,
    Pick<LintFacts, 'userlist' | 'userlistProblem' | 'openFilesLimit'> {}

/**
 * Reads a configuration file, what it includes, its user list, the modes of all of them, and, where the
 * PgBouncer of its `pidfile` runs on this machine (Linux), the limit of open files of that process.
 *
 * @example
 * ```ts
 * import { lintConfig, loadConfig } from '@ops/pgbouncer-stats'
 *
 * const { findings } = lintConfig({ ...loadConfig({ file: '/etc/pgbouncer/pgbouncer.ini' }), version: '1.24.0' })
 * process.exitCode = findings.length === 0 ? 0 : 3
 * ```
 */
export function loadConfig(options: LoadConfigOptions): LoadedConfig {
  const { file, workingDirectory = dirname(resolve(file)) } = options
  const at = (path: string): string => (isAbsolute(path) ? path : resolve(workingDirectory, path))
  const text = readText(file)
  const readInclude = (path: string): string | undefined => readIfThere(at(path))
  const { entries } = parseConfig({ text, file, readInclude })
  const setting = (name: string): string =>
    entries.findLast(({ section, key }) => section === 'pgbouncer' && key === name)?.value ?? ''
  const authFile = setting('auth_file')
  const list = authFile === '' ? undefined : readIfThere(at(authFile))
  const included = new Set(entries.map((entry) => entry.file).filter((name) => name !== file))
  const beside = [...included, ...(list === undefined ? [] : [authFile])].map(at)
  const openFilesLimit = setting('pidfile') === '' ? undefined : openFilesOf(at(setting('pidfile')))
  return {
    text,
    file,
    ...(openFilesLimit === undefined ? {} : { openFilesLimit }),
    readInclude,
    fileModes: Object.fromEntries([file, ...beside].flatMap(modeOf)),
    ...(list === undefined ? {} : readUserlist(list, at(authFile))),
  }
}

/** The soft limit of the process whose id stands in the file, if that is a PgBouncer. */
function openFilesOf(pidFile: string): number | undefined {
  const pid = readIfThere(pidFile)?.trim() ?? ''
  if (!/^\d+$/.test(pid) || readIfThere(`/proc/${pid}/comm`)?.trim() !== 'pgbouncer') return undefined
  const limit = /^Max open files\s+(\d+)/m.exec(readIfThere(`/proc/${pid}/limits`) ?? '')?.[1]
  return limit === undefined ? undefined : Number(limit)
}

function readUserlist(text: string, file: string): Pick<LintFacts, 'userlist' | 'userlistProblem'> {
  try {
    return { userlist: parseUserlist(text, file) }
  } catch (error) {
    if (!isPgBouncerStatsError(error)) throw error
    return { userlistProblem: { message: error.message, file, line: error.details.line ?? 1 } }
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new PgBouncerStatsError(
      'PGBOUNCER_CONFIG_UNREADABLE',
      `${file} cannot be read: ${errorMessage(error)}`,
      { details: { file }, cause: error },
    )
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function modeOf(file: string): [string, number][] {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode
  return mode === undefined ? [] : [[file, mode & 0o777]]
}
