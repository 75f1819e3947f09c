// No figure lacks its command: where a page says how long, how large or how many times as fast, the same
// paragraph, list item or row of a table names what measures it. Limits and defaults are not measured;
// `limits.ts` says where the code has each of them.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { LIMITS } from './limits.ts'

const root = resolve(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const { scripts } = JSON.parse(read('package.json')) as { scripts: Readonly<Record<string, string>> }
const pages = globSync(['*.md', 'docs/*.md', 'docker/README.md', '{packages,examples}/*/README.md'], {
  cwd: root,
})

const UNIT = '%|[µm]?s|seconds?|min(?:utes?)?|[kKMGTP]i?B'
const COUNT = String.raw`\d[\d.,]*|two|three|four|five|six|seven|eight|nine|ten|several|many`
const FIGURES = [
  String.raw`(?<![\w.,])\d[\d.,]*(?:(?: to |-)\d[\d.,]*)? ?(?:${UNIT})(?![\w%])`,
  String.raw`\b(?:(?:${COUNT}) times|twice|half) (?:as (?:fast|quick|slow|large|small|much)|faster|slower|larger|smaller|the)\b`,
  String.raw`\ba (?:half|third|fourth|fifth|tenth) of the (?:time|memory|CPU)\b`,
]
const FIGURE = new RegExp(FIGURES.join('|'), 'g')

/** Paragraphs, list items and rows of tables, each row under its table's head; no fenced blocks. */
function blocksOf(page: string): string[] {
  const paragraphs = page.replaceAll(/^ *(```+)[^\n]*\n.*?^ *\1 *$/gms, '').split(/\n\s*\n/)
  return paragraphs.flatMap((paragraph) => {
    if (!paragraph.startsWith('|')) return paragraph.split(/\n(?=\s*(?:[-*]|\d+\.) )/)
    const [head, , ...rows] = paragraph.split('\n')
    return rows.map((row) => `${head}\n${row}`)
  })
}

const codeIn = (block: string): string[] => Array.from(block.matchAll(/`([^`\n]+)`/g), ([, code]) => code!)

/** Whether a command to measure with stands in it, of what is there: a benchmark, a test file, a script. */
function namesCommand(block: string): boolean {
  const isBenchmark = (name = ''): boolean => existsSync(join(root, 'bench', `${name}.ts`))
  const isTable = block.startsWith('|') && block.includes('`npm run bench --`')
  return codeIn(block).some((code) => {
    if (isTable && isBenchmark(code)) return true
    const [, benchmark] = /^(?:npm run bench --|pnpm bench) ([a-z-]+)/.exec(code) ?? []
    if (benchmark !== undefined) return isBenchmark(benchmark)
    const [, test] = /^(?:npx )?vitest run .*?(\S+\.test\.ts)$/.exec(code) ?? []
    if (test !== undefined) return existsSync(join(root, test))
    const [, script] = /^npm run ([a-z:]+)/.exec(code) ?? []
    return script !== undefined && script !== 'bench' && script in scripts
  })
}

/** The figures of a page that neither a command nor a limit stands beside. */
function baseless(page: string, limits: readonly string[]): string[] {
  const rest = limits.reduce((text, limit) => text.replaceAll(limit, 'a limit'), page)
  return blocksOf(rest)
    .filter((block) => !namesCommand(block))
    .flatMap((block) => block.replaceAll(/`[^`\n]+`/g, '`code`').match(FIGURE) ?? [])
}

describe('every figure has its command', () => {
  it.each(pages)('in %s', (page) => {
    const limits = LIMITS.filter((limit) => limit.page === page).map(({ text }) => text)
    expect(baseless(read(page), limits)).toEqual([])
  })
})

describe('a limit is what the code says', () => {
  it.each(LIMITS)('$page: $text', ({ page, text, source, code }) => {
    expect(read(page)).toContain(text)
    expect(read(source)).toContain(code)
  })
})

describe('the check itself', () => {
  it.each([
    ['It takes 5 s.', ['5 s']],
    ['It takes 16-26 ms, and 140 to 210 MiB.', ['16-26 ms', '140 to 210 MiB']],
    ['It is 1.5 times as fast, several times smaller, and takes a third of the memory.', 3],
    ['It takes 5 s (`npm run bench -- backup`).', []],
    ['It takes 5 s (`npm run bench -- no-such-benchmark`).', ['5 s']],
    ['It takes 5 s.\n\n`npm run bench -- backup`', ['5 s']],
    ['- It takes 5 s.\n- `pnpm bench backup`', ['5 s']],
    ['| a | `npm run bench --` |\n| - | - |\n| 5 s | `backup` |\n| 6 s | none |', ['6 s']],
    ['```\nIt took 5 s\n```\n\n`--for 30s`, 5 servers, 30 days, waits a limit', []],
  ])('%j', (page, found) => {
    const figures = baseless(page, [])
    expect(typeof found === 'number' ? figures.length : figures).toEqual(found)
  })
})
