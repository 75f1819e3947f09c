// How fast 4,000 files of TypeScript are audited, start-up included: pgbouncer-audit against a program
// that parses every one of them with the same parser and walks its tree, which is what a linter does.
// In CPU time of the whole process, so that other work on the machine matters less.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeLargeProject } from '../packages/pgbouncer-audit/test/large-project.ts'
import { alternate, judge, type BenchCase } from './harness/compare.ts'

export const name = 'audit'

const CLI = fileURLToPath(new URL('../packages/pgbouncer-audit/dist/cli.js', import.meta.url))
const PEER = fileURLToPath(new URL('audit/parse-everything.ts', import.meta.url))
const METER = new URL('harness/meter.ts', import.meta.url).href
const MAX_PEAK_MIB = 500

interface Used {
  readonly cpuSeconds: number
  readonly peakMiB: number
}

export async function* cases(): AsyncGenerator<BenchCase, void, undefined> {
  const project = writeLargeProject()
  try {
    const pairs = await alternate({
      case: 'audit of 4,000 files',
      ours: () => measure(CLI, '--json', '--fail-on', 'never', project.folder),
      peer: () => measure(PEER, project.folder),
    })
    const shared = { pairs, peerName: 'parsing every file' }
    yield judge({
      ...shared,
      case: '4,000 files, 30 MB: CPU time',
      unit: 's',
      target: 2,
      ours: ({ cpuSeconds }) => cpuSeconds,
      peer: ({ cpuSeconds }) => cpuSeconds,
    })
    yield judge({
      ...shared,
      peerName: `the limit of ${MAX_PEAK_MIB} MiB`,
      case: '4,000 files, 30 MB: peak memory',
      unit: 'MiB',
      target: 1,
      ours: ({ peakMiB }) => peakMiB,
      peer: () => MAX_PEAK_MIB,
    })
  } finally {
    rmSync(project.folder, { recursive: true, force: true })
  }
}

function measure(program: string, ...args: string[]): Used {
  const folder = mkdtempSync(join(tmpdir(), 'ops-bench-audit-'))
  const report = join(folder, 'used.json')
  try {
    const env = { ...process.env, OPS_METER_FILE: report }
    const { status, stderr } = spawnSync(process.execPath, ['--import', METER, program, ...args], {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`)
    return JSON.parse(readFileSync(report, 'utf8')) as Used
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
