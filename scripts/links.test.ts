import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const SKIPPED = new Set(['node_modules', 'dist', '.git', '.turbo', 'coverage'])

function markdownFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name)) return []
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return markdownFiles(path)
    return entry.name.endsWith('.md') ? [path] : []
  })
}

/** A page without its fenced blocks and code, in which brackets are no links. */
function prose(page: string): string {
  return page.replaceAll(/^(```+)[^\n]*\n.*?^\1 *$/gms, '').replaceAll(/`[^`\n]+`/g, 'code')
}

/** What GitHub calls the headings of a page: https://github.com/gjtorikian/html-pipeline, `toc_filter`. */
function anchors(page: string): Set<string> {
  const found = new Map<string, number>()
  const headings = page.replaceAll(/^(```+)[^\n]*\n.*?^\1 *$/gms, '').matchAll(/^#{1,6} +(.*?) *$/gm)
  return new Set(
    Array.from(headings, ([, heading]) => {
      const text = heading!.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
      const name = text.replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '').replaceAll(' ', '-')
      const before = found.get(name) ?? 0
      found.set(name, before + 1)
      return before === 0 ? name : `${name}-${before}`
    }),
  )
}

/** The links of a page that lead into this repository, and lead nowhere. */
function deadLinks(file: string): string[] {
  const links = Array.from(prose(readFileSync(file, 'utf8')).matchAll(/\]\(<?([^)\s>]+)/g), ([, to]) => to!)
  return links.filter((link) => {
    if (/^[a-z][a-z+.-]*:/.test(link)) return false
    const [path, anchor] = link.split('#') as [string, string?]
    const target = path === '' ? file : resolve(dirname(file), decodeURIComponent(path))
    if (relative(root, target).startsWith('..')) return true
    const found = statSync(target, { throwIfNoEntry: false })
    if (found === undefined) return true
    return anchor !== undefined && (!found.isFile() || !anchors(readFileSync(target, 'utf8')).has(anchor))
  })
}

const files = markdownFiles(root).map((path) => ({ path, name: relative(root, path) }))

describe('no link is dead', () => {
  it.each(files)('in $name', ({ path }) => {
    expect(deadLinks(path)).toEqual([])
  })
})

describe('the check itself', () => {
  it('names headings as GitHub does', () => {
    const page =
      '# A `b`: c, d?\n\n## Über-x\n\n```\n# no heading\n```\n\n## [Link](x.md) (y)\n## A `b`: c, d?\n'
    expect([...anchors(page)]).toEqual(['a-b-c-d', 'über-x', 'link-y', 'a-b-c-d-1'])
  })

  it('does not read code', () => {
    expect(prose('a `[x](y)` b\n```ts\n[x](y)\n```\nc\n')).toBe('a code b\n\nc\n')
  })
})
