import { access, constants, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UsageError } from '@ops/internal-cli'
import type { Command } from 'commander'
import { renderHtml } from '../render-html.ts'
import { renderJunit } from '../render-junit.ts'
import { renderMarkdown } from '../render-markdown.ts'
import type { VerificationReport } from '../report.ts'

export interface ReportFlags {
  html?: string
  markdown?: string
  junit?: string
}

/** Adds the flags that write a report into files. */
export function withReportFlags(command: Command): Command {
  return command
    .option('--html <file>', 'write the report as an HTML page')
    .option('--markdown <file>', 'write the report as Markdown')
    .option('--junit <file>', 'write the report as JUnit XML')
}

/** Refuses files that cannot be written while nothing is lost yet: a drill may take hours. */
export async function requireWritable({ html, markdown, junit }: ReportFlags): Promise<void> {
  for (const [flag, file] of Object.entries({ html, markdown, junit })) {
    if (file === undefined) continue
    await access(dirname(file), constants.W_OK).catch((error: unknown) => {
      throw new UsageError(`--${flag} ${file} cannot be written: ${(error as Error).message}`)
    })
  }
}

/** Writes the report in every form that was asked for, and gives the files. */
export async function writeReport(
  report: VerificationReport,
  { html, markdown, junit }: ReportFlags,
): Promise<string[]> {
  if (html !== undefined) await writeFile(html, renderHtml(report))
  if (markdown !== undefined) await writeFile(markdown, renderMarkdown(report))
  if (junit !== undefined) await writeFile(junit, renderJunit(report))
  return [html, markdown, junit].filter((file) => file !== undefined)
}
