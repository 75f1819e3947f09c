import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ProgramError, startProgramGroup } from '@ops/internal-subprocess'
import { dumpArguments, dumpEnvironment, MAX_WARNINGS, type DumpOptions } from './dump-database.ts'

export interface DirectoryDumpOptions extends DumpOptions {
  readonly jobs: number
  /** Where `pg_dump` makes its files; it must not exist. */
  readonly folder: string
  /** Called with each line that `pg_dump` writes to stderr, as a sign of life. */
  readonly onLine: () => void
  /** Called when the files of an item are whole. */
  readonly onFinished: (item: FinishedItem) => void
}

/** An entry of the archive that `pg_dump` is done with. */
export interface FinishedItem {
  readonly dumpId: string
  readonly kind: string
}

export interface RunningDirectoryDump {
  /** Settles when `pg_dump` has ended; rejects with {@link ProgramError} or `signal.reason`. */
  readonly exited: Promise<void>
  readonly warnings: readonly string[]
  /** The tables that are being dumped: `public.orders`. */
  readonly underWay: ReadonlySet<string>
  /** Stops `pg_dump` with all its processes, and lets it go on. */
  pause(): void
  resume(): void
  kill(): Promise<void>
}

/** Said by `pg_dump --verbose` in `mark_dump_job_done` of pg_backup_archiver.c, when the item's file is closed. */
const FINISHED = /finished item (\d+) (TABLE DATA|BLOBS) (.*)$/
/** Said by `dumpTableData_copy` of pg_dump.c. */
const BEGUN = /dumping contents of table "(.+)"$/
/** What is neither is a warning, an error, or what belongs to one. */
const PROBLEM = /\b(?:warning|error|fatal|detail|hint): /

/** Starts `pg_dump --format=directory`, and says which of its files are whole as it goes. */
export function dumpDirectory(options: DirectoryDumpOptions): RunningDirectoryDump {
  const warnings: string[] = []
  const underWay = new Set<string>()
  const pgDump = startProgramGroup(options.program.path, {
    args: [
      '--format=directory',
      `--jobs=${options.jobs}`,
      `--file=${options.folder}`,
      // The files are read once and deleted: nothing of them has to survive a power cut.
      '--no-sync',
      '--verbose',
      ...dumpArguments(options),
    ],
    env: dumpEnvironment(options),
    signal: options.signal,
    onStderrLine: (line) => {
      options.onLine()
      const [, dumpId, kind, name] = FINISHED.exec(line) ?? []
      const table = BEGUN.exec(line)?.[1]
      if (dumpId !== undefined) {
        const done = [...underWay].find((each) => each.endsWith(`.${name}`))
        if (done !== undefined) underWay.delete(done)
        options.onFinished({ dumpId, kind: kind! })
      } else if (table !== undefined) {
        underWay.add(table)
      } else if (PROBLEM.test(line) && warnings.length < MAX_WARNINGS) {
        warnings.push(line)
      }
    },
  })
  pgDump.stdin.end()
  pgDump.stdout.resume()
  const exited = pgDump.exited.catch((error: unknown) => {
    throw error instanceof ProgramError ? withProblems(error, warnings) : error
  })
  exited.catch(() => undefined)
  return {
    exited,
    warnings,
    underWay,
    pause: () => pgDump.pause(),
    resume: () => pgDump.resume(),
    kill: () => pgDump.kill(),
  }
}

/**
 * Which files have the data of an item. A table has one file. Large objects have one each, and a list:
 * one for all of them before PostgreSQL 17, and one for each item since.
 */
export async function filesOf(item: FinishedItem, folder: string): Promise<(fileName: string) => boolean> {
  if (item.kind === 'TABLE DATA') return (fileName) => fileName === `${item.dumpId}.dat`
  const list = `blobs_${item.dumpId}.toc`
  const lines = await readFile(join(folder, list), 'latin1').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (lines === undefined) return (fileName) => /^blobs?[_.]/.test(fileName)
  const names = new Set([list, ...lines.split('\n').map((line) => line.slice(line.indexOf(' ') + 1))])
  return (fileName) => names.has(fileName)
}

/** `--verbose` leaves no room for the reason in the end of stderr. */
function withProblems(error: ProgramError, problems: readonly string[]): ProgramError {
  const { command, exitCode, endedBy } = error
  return new ProgramError({ command, exitCode, endedBy, stderrTail: problems.join('\n') || error.stderrTail })
}
