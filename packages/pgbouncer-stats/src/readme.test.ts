import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { describeMetrics } from './describe-metrics.ts'

const folder = new URL('.', import.meta.url)
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

/** Every `rule: '…'` or `code: '…'` in the sources that match. */
function literals(files: RegExp, key: string): string[] {
  const sources = readdirSync(folder).filter((name) => files.test(name) && !name.endsWith('.test.ts'))
  const found = sources.flatMap((name) => [
    ...readFileSync(new URL(name, folder), 'utf8').matchAll(new RegExp(`${key}: '([a-z-]+)'`, 'g')),
  ])
  return [...new Set(found.map(([, literal]) => literal!))]
}

describe('the README', () => {
  it.each(literals(/^lint-.*-rules\.ts$/, 'rule'))('explains the rule %s', (rule) => {
    expect(readme).toContain(`\`${rule}\``)
  })

  it.each(literals(/^diagnose.*\.ts$/, 'code'))('explains the finding %s', (code) => {
    expect(readme).toContain(`\`${code}\``)
  })

  it('names every metric that prometheus-community does not have', () => {
    const own = describeMetrics().filter(({ name }) =>
      /_exact_|_ratio$|_command_|_scrape_|_application_|_logins_/.test(name),
    )
    expect(own.length).toBeGreaterThanOrEqual(9)
    expect(own.filter(({ name }) => !readme.includes(name))).toEqual([])
  })
})
