// pnpm bench NAME [--json]: runs bench/NAME.ts, prints a table or one JSON object, and exits 0 only
// if every target is met. bench/NAME.ts exports its `name` and its `cases`, see harness/compare.ts.
// Every TypeScript file of this folder but this one is a benchmark; what only one needs lies in a folder of its name.
import { readdirSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { basename } from 'node:path'
import { formatBytes, formatTable } from '@ops/internal-cli'
import type { BenchCase, BenchCases } from './harness/compare.ts'
import { progress } from './harness/progress.ts'

interface Benchmark {
  readonly name: string
  readonly cases: BenchCases
}

interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly platform: string
  readonly node: string
}

process.exitCode = await main(process.argv.slice(2))

async function main(args: string[]): Promise<number> {
  const wantsJson = args.includes('--json')
  const [requested, ...rest] = args.filter((argument) => argument !== '--json')
  if (requested === undefined || rest.length > 0 || !benchmarkNames().includes(requested)) {
    process.stderr.write(`usage: pnpm bench ${benchmarkNames().join('|')} [--json]\n`)
    return 2
  }
  const { name, cases }: Benchmark = await import(`./${requested}.ts`)
  const measured: BenchCase[] = []
  for await (const each of cases()) {
    progress(
      `${each.case}: ${each.ratio.toFixed(2)} times ${each.peerName}, target ${format(each.target)}, ${verdict(each)}`,
    )
    measured.push(each)
  }
  const result = { name, machine: describeMachine(), cases: measured }
  process.stdout.write(
    wantsJson ? `${JSON.stringify(result)}\n` : `${formatResult(result.machine, measured)}\n`,
  )
  return measured.length > 0 && measured.every(({ ok }) => ok) ? 0 : 1
}

function benchmarkNames(): string[] {
  return readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.ts') && file !== basename(import.meta.filename))
    .map((file) => basename(file, '.ts'))
}

function describeMachine(): Machine {
  const [cpu] = cpus()
  return {
    cpu: cpu?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
  }
}

function formatResult(machine: Machine, cases: readonly BenchCase[]): string {
  const table = formatTable(
    [
      { header: 'case' },
      { header: 'ours', align: 'right' },
      { header: 'peer', align: 'right' },
      { header: 'unit' },
      { header: 'ratio', align: 'right' },
      { header: 'target', align: 'right' },
      { header: '' },
      { header: 'peer is' },
    ],
    cases.map((each) => [
      each.case,
      format(each.ours),
      format(each.peer),
      each.unit,
      each.ratio.toFixed(2),
      each.target.toFixed(2),
      verdict(each),
      each.peerName,
    ]),
    140,
  )
  const { cpu, cores, memoryBytes, node, platform } = machine
  return `${table}\n\nratio: how many times better ours is, median of paired runs\n${cpu}, ${cores} cores, ${formatBytes(memoryBytes)}, ${platform}, Node.js ${node}`
}

function verdict({ ok }: BenchCase): string {
  return ok ? 'met' : 'MISSED'
}

function format(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 4 })
}
