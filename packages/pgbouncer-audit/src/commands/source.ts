import { statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { EXIT, UsageError, type CliContext } from '@ops/internal-cli'
import { errorMessage } from '@ops/internal-error'
import { auditSource, type AuditResult } from '../audit-source.ts'
import { readBaseline, withoutBaseline, writeBaseline } from '../baseline.ts'
import { portable } from '../files/find-files.ts'
import type { AuditOutput } from '../json-output.ts'
import type { ProfileInput } from '../profile.ts'
import { renderGithub } from '../report/github.ts'
import { renderMarkdown } from '../report/markdown.ts'
import { renderPretty } from '../report/pretty.ts'
import { renderSarif } from '../report/sarif.ts'
import { createSourceLines } from '../report/sources.ts'
import { PACKAGE_VERSION } from '../version.ts'
import { addProfileOptions, resolveProfile, type ProfileFlags } from './profile-options.ts'

type Format = 'pretty' | 'json' | 'sarif' | 'github' | 'markdown'

interface SourceFlags extends ProfileFlags {
  readonly format: Format
  readonly json?: boolean
  readonly baseline?: string
  readonly writeBaseline?: string
  readonly failOn: 'error' | 'warning' | 'never'
}

export function addSource(program: Command, context: CliContext): void {
  program
    // `live --json` is an option of `live`.
    .enablePositionalOptions()
    .argument('[path...]', 'folders or files to audit (default: the current folder)')
    .addOption(
      new Option('--format <format>', 'how to print')
        .choices(['pretty', 'json', 'sarif', 'github', 'markdown'])
        .default('pretty'),
    )
    .option('--json', 'the same as --format json')
    .option('--baseline <file>', 'leave out the findings that this file knows')
    .option('--write-baseline <file>', 'write all findings to this file, and end with 0')
    .addOption(
      new Option('--fail-on <severity>', 'exit with 3 from this severity on')
        .choices(['error', 'warning', 'never'])
        .default('warning'),
    )
  addProfileOptions(program).action(async (paths: string[], flags: SourceFlags) => {
    const profile = await resolveProfile(flags, context.env)
    const base = baseFolder(paths)
    const audited = await auditPaths(paths, base, profile, context.signal)
    // Else a wrong folder would pass for a clean one.
    if (audited.stats.files === 0)
      throw new UsageError(
        `there is no source code in ${paths.length === 0 ? 'this folder' : paths.map((path) => `'${path}'`).join(', ')}: no file is of a kind that is read`,
      )
    if (flags.writeBaseline !== undefined) {
      writeTo(flags.writeBaseline, audited)
      context.say(`${audited.findings.length} findings written to ${flags.writeBaseline}`)
      return
    }
    const result = flags.baseline === undefined ? audited : applyBaseline(audited, flags.baseline)
    const format = flags.json === true ? 'json' : flags.format
    if (format === 'json') await context.printJson<AuditOutput>(result)
    else await context.print(render(result, format, base, paths))
    if (fails(result, flags.failOn)) context.exitWith(EXIT.findings)
  })
}

function writeTo(file: string, { findings }: AuditResult): void {
  try {
    writeBaseline(file, findings)
  } catch (error) {
    throw new UsageError(`--write-baseline ${file} cannot be written: ${errorMessage(error)}`)
  }
}

function applyBaseline(result: AuditResult, file: string): AuditResult {
  return { ...result, findings: withoutBaseline(result.findings, readBaseline(file)) }
}

/** What file names are relative to: the one folder given, or where the command runs. */
function baseFolder(paths: readonly string[]): string {
  const [only] = paths
  if (paths.length > 1) return process.cwd()
  if (only === undefined) return process.cwd()
  const path = resolve(only)
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true ? dirname(path) : path
}

async function auditPaths(
  paths: readonly string[],
  base: string,
  profile: ProfileInput,
  signal: AbortSignal,
): Promise<AuditResult> {
  const results: AuditResult[] = []
  for (const path of paths.length === 0 ? ['.'] : paths) {
    const absolute = resolve(path)
    const stat = statSync(absolute, { throwIfNoEntry: false })
    if (stat === undefined) throw new UsageError(`there is no file or folder '${path}'`)
    const result = stat.isFile()
      ? await auditSource({ cwd: dirname(absolute), files: [basename(absolute)], profile, signal })
      : await auditSource({ cwd: absolute, profile, signal })
    results.push(rebase(result, relative(base, stat.isFile() ? dirname(absolute) : absolute)))
  }
  return results.reduce(merge)
}

function rebase(result: AuditResult, prefix: string): AuditResult {
  if (prefix === '') return result
  const move = <T extends { readonly file: string }>(each: T): T => ({
    ...each,
    file: portable(join(prefix, each.file)),
  })
  return {
    ...result,
    findings: result.findings.map(move),
    stats: { ...result.stats, warnings: result.stats.warnings.map(move) },
  }
}

function merge(a: AuditResult, b: AuditResult): AuditResult {
  return {
    findings: [...a.findings, ...b.findings],
    profile: a.profile,
    stats: {
      files: a.stats.files + b.stats.files,
      bytes: a.stats.bytes + b.stats.bytes,
      parsedFiles: a.stats.parsedFiles + b.stats.parsedFiles,
      statements: a.stats.statements + b.stats.statements,
      suppressed: a.stats.suppressed + b.stats.suppressed,
      onDirectConnections: a.stats.onDirectConnections + b.stats.onDirectConnections,
      durationMs: a.stats.durationMs + b.stats.durationMs,
      warnings: [...a.stats.warnings, ...b.stats.warnings],
    },
  }
}

function render(
  result: AuditResult,
  format: Exclude<Format, 'json'>,
  base: string,
  paths: readonly string[],
): string {
  switch (format) {
    case 'pretty':
      return renderPretty(result, createSourceLines(base))
    case 'sarif':
      return renderSarif(result, PACKAGE_VERSION)
    case 'github':
      return renderGithub(result)
    default:
      return renderMarkdown(
        result,
        paths.length === 0 ? '`.`' : paths.map((path) => `\`${path}\``).join(', '),
        new Date(),
      )
  }
}

function fails({ findings }: AuditResult, failOn: SourceFlags['failOn']): boolean {
  if (failOn === 'never') return false
  return findings.some((finding) => failOn === 'warning' || finding.severity === 'error')
}
