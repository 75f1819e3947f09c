/** Says on stderr what a benchmark does now; stdout is for results. */
export function progress(line: string): void {
  process.stderr.write(`  ${line}\n`)
}
