import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const folder = join(import.meta.dirname, '../.github/workflows')

describe.each(readdirSync(folder))('%s', (name) => {
  const text = readFileSync(join(folder, name), 'utf8')

  it('takes actions by commit, with their version beside', () => {
    const actions = Array.from(text.matchAll(/uses: (.*)/g), ([, action]) => action!)
    expect(actions).not.toEqual([])
    for (const action of actions) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
  })

  it('gives no right that is not named', () => {
    expect(text).toMatch(/^permissions:(?: \{\}|\n {2}contents: read)$/m)
  })

  it('runs scripts that are there', () => {
    const { scripts } = JSON.parse(readFileSync(join(folder, '../../package.json'), 'utf8')) as {
      scripts: object
    }
    const named = Array.from(text.matchAll(/npm run (?:--silent )?([a-z:]+)/g), ([, script]) => script!)
    expect(named.filter((script) => !(script in scripts))).toEqual([])
  })
})
