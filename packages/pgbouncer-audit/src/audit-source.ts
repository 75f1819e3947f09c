import { statSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { errorMessage } from '@ops/internal-error'
import { PgbouncerAuditError } from './errors.ts'
import { kindOfFile } from './files/file-kind.ts'
import { findFiles, portable } from './files/find-files.ts'
import { mayHoldHazard } from './files/prefilter.ts'
import { createSourceReader, type ReadOutcome } from './files/read-file.ts'
import type { Finding, Warning } from './finding.ts'
import { createProfile, type Profile, type ProfileInput } from './profile.ts'
import { describeProject, readUnit } from './read-unit.ts'
import { RULES } from './rules/index.ts'
import { createProject, type Project } from './script/project.ts'
import { lineStarts } from './script/module.ts'
import { loadGrammar } from './sql/grammar.ts'
import { applySuppressions } from './suppressions.ts'
import type { Unit } from './unit.ts'

/** A file given as text, which need not exist on disk. */
export interface SourceFile {
  /** Relative to `cwd`. */
  readonly path: string
  readonly source: string
}

/** Options of {@link auditSource}. */
export interface AuditSourceOptions {
  /** The folder to audit, and the one that file names in findings are relative to. @default process.cwd() */
  readonly cwd?: string
  /** Only these: names relative to `cwd`, or texts. @default every file under `cwd` that git does not ignore */
  readonly files?: readonly (string | SourceFile)[]
  /** What is known of the PgBouncer. @default nothing: what depends on it is a warning */
  readonly profile?: ProfileInput
  /** Ends it early: everything is cleaned up, and the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal
}

/** How much was looked at, and what was left out. */
export interface AuditStats {
  /** Files found. */
  readonly files: number
  readonly bytes: number
  /** Files that could hold a hazard, and were parsed. */
  readonly parsedFiles: number
  readonly statements: number
  /** Findings accepted by a comment. */
  readonly suppressed: number
  /** Statements and settings on connections that go past PgBouncer, where nothing breaks. */
  readonly onDirectConnections: number
  readonly durationMs: number
  /** What kept the audit from seeing all. */
  readonly warnings: readonly Warning[]
}

/** What {@link auditSource} found. */
export interface AuditResult {
  /** Ordered by file, line and column. */
  readonly findings: readonly Finding[]
  readonly profile: Profile
  readonly stats: AuditStats
}

interface Input {
  /** Absolute. */
  readonly path: string
  readonly source?: string
}

/**
 * Finds what breaks behind PgBouncer in transaction mode, by reading source code; nothing of the
 * audited project is run. Rejects with `AUDIT_PATH_NOT_FOUND` when `cwd` does not exist.
 *
 * @example
 * ```ts
 * import { auditSource } from '@ops/pgbouncer-audit'
 *
 * const { findings } = await auditSource({ cwd: 'services/orders', profile: { version: '1.24.0' } })
 * for (const { file, line, ruleId, message } of findings) console.log(`${file}:${line}`, ruleId, message)
 * ```
 */
export async function auditSource(options: AuditSourceOptions = {}): Promise<AuditResult> {
  const startedAt = performance.now()
  await loadGrammar()
  const cwd = resolve(options.cwd ?? '.')
  const profile = createProfile(options.profile)
  const { inputs, manifests, warnings } = gather(cwd, options.files)
  const inMemory = new Map(
    inputs.flatMap(({ path, source }) => (source === undefined ? [] : [[path, source] as const])),
  )
  const paths = inputs.map((input) => input.path)
  const project = createProject(paths, (path) => inMemory.get(path))
  const surroundings = describeProject(paths, manifests, (path) => inMemory.get(path))

  const totals = { bytes: 0, parsedFiles: 0, statements: 0, suppressed: 0, onDirectConnections: 0 }
  const findings: Finding[] = []
  const read = createSourceReader()
  for (const input of inputs) {
    options.signal?.throwIfAborted()
    const file = portable(relative(cwd, input.path)) || portable(input.path)
    const source = textOf(input, read, (message, bytes) => {
      totals.bytes += bytes
      if (message !== undefined) warnings.push({ file, message })
    })
    if (source === undefined) continue
    totals.parsedFiles += 1
    const outcome = auditText({ file, path: input.path, source, project, surroundings, profile })
    // The parser's memory is given back between turns of the event loop, and signals arrive there.
    await setImmediate()
    findings.push(...outcome.findings)
    warnings.push(...outcome.warnings.map((message) => ({ file, message })))
    totals.statements += outcome.unit.statements.length
    totals.suppressed += outcome.suppressed
    totals.onDirectConnections += outcome.onDirectConnections
  }
  const durationMs = Math.round(performance.now() - startedAt)
  const stats = { files: inputs.length, ...totals, durationMs, warnings }
  return { findings: findings.toSorted(byPlace), profile, stats }
}

function gather(
  cwd: string,
  files: AuditSourceOptions['files'],
): { inputs: Input[]; manifests: readonly string[]; warnings: Warning[] } {
  if (files !== undefined) {
    const inputs = files.map((file) =>
      typeof file === 'string'
        ? { path: resolve(cwd, file) }
        : { path: resolve(cwd, file.path), source: file.source },
    )
    return { inputs, manifests: [], warnings: [] }
  }
  const stat = statSync(cwd, { throwIfNoEntry: false })
  if (stat === undefined)
    throw new PgbouncerAuditError(
      'AUDIT_PATH_NOT_FOUND',
      `there is no file or folder at ${cwd}; give the path of the code to audit`,
      { details: { path: cwd } },
    )
  const found = stat.isFile() ? { files: [cwd], manifests: [], warnings: [] } : findFiles(cwd)
  return {
    inputs: found.files.map((path) => ({ path })),
    manifests: found.manifests,
    warnings: [...found.warnings],
  }
}

/** The text of a file that may hold a hazard. */
function textOf(
  input: Input,
  read: (path: string) => ReadOutcome,
  report: (problem: string | undefined, bytes: number) => void,
): string | undefined {
  const kind = kindOfFile(input.path)
  if (kind === undefined) return undefined
  if (input.source !== undefined) {
    report(undefined, input.source.length)
    return mayHoldHazard(input.source, kind) ? input.source : undefined
  }
  const outcome = read(input.path)
  if ('problem' in outcome) {
    report(outcome.problem, 0)
    return undefined
  }
  report(undefined, outcome.bytes.length)
  // One byte, one character: enough to look for ASCII words, and much cheaper than UTF-8.
  return mayHoldHazard(outcome.bytes.toString('latin1'), kind)
    ? outcome.bytes.toString('utf8').replace(/^\uFEFF/, ' ')
    : undefined
}

interface TextInput {
  readonly file: string
  readonly path: string
  readonly source: string
  readonly project: Project
  readonly surroundings: ReturnType<typeof describeProject>
  readonly profile: Profile
}

interface TextOutcome {
  readonly unit: Unit
  readonly findings: readonly Finding[]
  readonly suppressed: number
  readonly onDirectConnections: number
  readonly warnings: readonly string[]
}

function auditText(input: TextInput): TextOutcome {
  const { unit, warnings } = readSafely(input)
  const raw = applyRules(unit, input.file, input.source, input.profile)
  const { findings, suppressed } = applySuppressions(input.file, input.source, raw)
  const onDirectConnections = [...unit.statements, ...unit.facts].filter((each) => each.isDirect).length
  return { unit, findings, suppressed, onDirectConnections, warnings }
}

/** One file that defeats the reader (a tree too deep, say) must not cost the others. */
function readSafely(input: TextInput): ReturnType<typeof readUnit> {
  try {
    return readUnit(input)
  } catch (error) {
    return {
      unit: { statements: [], facts: [] },
      warnings: [`Could not be analysed: ${errorMessage(error)}`],
    }
  }
}

function applyRules(unit: Unit, file: string, source: string, profile: Profile): Finding[] {
  const starts = lineStarts(source)
  const seen = new Set<string>()
  return RULES.filter((rule) => profile.poolMode !== 'session' || rule.inSessionMode === true).flatMap(
    (rule) => {
      const { id: ruleId, why, fix } = rule
      return [...rule.check(unit, profile)].flatMap(({ at, message, severity, confidence }) => {
        const line = starts.findLastIndex((start) => start <= at) + 1
        const column = at - starts[line - 1]! + 1
        const key = `${ruleId}:${line}:${column}`
        if (seen.has(key)) return []
        seen.add(key)
        return [{ ruleId, severity, confidence, file, line, column, message, why, fix }]
      })
    },
  )
}

function byPlace(a: Finding, b: Finding): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1
  return a.line - b.line || a.column - b.column || (a.ruleId < b.ruleId ? -1 : 1)
}
