/** The look, the vocabulary and the exit codes that all `@ops/*` command lines share. */
export { EXIT, runCli, UsageError, type CliContext, type CliDefinition } from './run-cli.ts'
export type { FailedOutput } from './failed-output.ts'
export {
  formatBytes,
  formatCount,
  formatDuration,
  formatTable,
  oneLine,
  printable,
  tableWidth,
  type Column,
} from './format.ts'
export { parseBytes, parseDurationMs, parseInteger, parseTimerMs } from './parse.ts'
export { createProgressLine, type Progress, type ProgressLine } from './progress-line.ts'
