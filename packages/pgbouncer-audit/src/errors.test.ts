import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { PGBOUNCER_AUDIT_ERROR_CODES } from './errors.ts'
import { RULES } from './rules/index.ts'

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')

it('every error code stands in the table of the README', () => {
  const readme = read('../README.md')
  for (const code of PGBOUNCER_AUDIT_ERROR_CODES) expect(readme).toContain(`| \`${code}\``)
})

it('every rule has a page, and its id stands in the table of the README', () => {
  const readme = read('../README.md')
  for (const { id, title } of RULES) {
    expect(read(`../docs/rules/${id}.md`)).toContain(`# ${id}: ${title}`)
    expect(readme).toContain(`| [${id}](docs/rules/${id}.md)`)
  }
})
