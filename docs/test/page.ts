/** A fenced block of a Markdown page. */
export interface Block {
  /** What stands after the opening fence; empty if nothing does. */
  readonly language: string
  readonly text: string
  /** The line of the opening fence, from 1. */
  readonly line: number
}

/** Every fenced block of a page, in order. */
export function fencedBlocks(page: string): Block[] {
  return [...page.matchAll(/^```(\S*)\n(.*?)^```$/gms)].map(({ index, 1: language, 2: text }) => ({
    language: language!,
    text: text!,
    line: page.slice(0, index).split('\n').length,
  }))
}

/** The blocks of one language. */
export function blocksOf(page: string, language: string): string[] {
  return fencedBlocks(page)
    .filter((block) => block.language === language)
    .map(({ text }) => text)
}

/** The first two cells of each row of the first table under a heading; code without its backticks. */
export function tableOf(page: string, heading: string): string[][] {
  const section = page.slice(page.indexOf(`\n${heading}\n`) + heading.length + 2).split(/^#/m)[0]!
  const rows = section.split('\n').filter((line) => line.startsWith('| `'))
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, 3)
      .map((cell) => cell.trim().replaceAll('`', '')),
  )
}
