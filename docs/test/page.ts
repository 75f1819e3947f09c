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

/** Every piece of code in the text of a page, outside of its fenced blocks. */
export function codeIn(page: string): string[] {
  const text = page.replaceAll(/^ *(```+)[^\n]*\n.*?^ *\1 *$/gms, '')
  return Array.from(text.matchAll(/`([^`\n]+)`/g), ([, code]) => code!)
}

/**
 * The words of the first command of `bins` in a line of code: after variables, a prompt or another command's
 * pipe, and up to the next pipe, redirection or comment. Brackets around what may be left out count for nothing.
 */
export function commandOf(code: string, bins: { has(name: string): boolean }): string[] | undefined {
  const words = code.match(/'[^']*'|"[^"]*"|[^\s'"]+/g) ?? []
  const start = words.findIndex((word) => bins.has(word))
  if (start === -1 || !words.slice(0, start).every((word) => /^(?:[A-Z_]+=.*|\$|\||exec|.*\|)$/.test(word)))
    return undefined
  const end = words.findIndex(
    (word, at) => at > start && /^(?:[|>;&#<]|\d?>)/.test(word) && !/^<[a-z]/.test(word),
  )
  return words.slice(start, end === -1 ? undefined : end).map((word) => word.replaceAll(/^\[|\]$/g, ''))
}
