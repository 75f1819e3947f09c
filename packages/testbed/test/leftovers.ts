import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Processes whose command line has this text: their ids and command lines. */
export function processesWith(text: string): { readonly pid: number; readonly command: string }[] {
  return execFileSync('ps', ['-A', '-ww', '-o', 'pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(text))
    .map((line) => ({ pid: Number.parseInt(line, 10), command: line.trim() }))
}

/** The folders of the testbed that the process with this id made. */
export function runFoldersOf(pid: number): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith(`ops-testbed-${pid}-`))
}

/** The ids of this machine's System V shared memory segments. */
export function sharedMemorySegments(): string[] {
  return [...execFileSync('ipcs', ['-m'], { encoding: 'utf8' }).matchAll(/^\S+\s+(\d+)\s/gm)].map(
    ([, id]) => id ?? '',
  )
}

/** The id of the segment of a PostgreSQL server: the last word of line 7 of postmaster.pid. */
export function sharedMemorySegment(dataFolder: string): string {
  const line = readFileSync(join(dataFolder, 'postmaster.pid'), 'utf8').split('\n')[6] ?? ''
  return line.trim().split(/\s+/).at(-1) ?? ''
}
