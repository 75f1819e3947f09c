import { writeFile } from 'node:fs/promises'
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

export async function writeReport(report: VerificationReport, flags: ReportFlags): Promise<void> {
  if (flags.html !== undefined) await writeFile(flags.html, renderHtml(report))
  if (flags.markdown !== undefined) await writeFile(flags.markdown, renderMarkdown(report))
  if (flags.junit !== undefined) await writeFile(flags.junit, renderJunit(report))
}
