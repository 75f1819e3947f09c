import { readdirSync, readFileSync } from 'node:fs'

/** A rule's documentation page, as far as it can be run. */
export interface RulePage {
  readonly ruleId: string
  readonly breaks: string
  readonly works: string
}

const FOLDER = new URL('../docs/rules/', import.meta.url)

/** Every page `PGB….md`, with the code of its two examples. */
export function readRulePages(): RulePage[] {
  return readdirSync(FOLDER)
    .filter((name) => /^PGB\d+\.md$/.test(name))
    .map((name) => {
      const text = readFileSync(new URL(name, FOLDER), 'utf8')
      return {
        ruleId: name.replace('.md', ''),
        breaks: codeUnder(text, 'Breaks'),
        works: codeUnder(text, 'Works'),
      }
    })
}

function codeUnder(text: string, heading: string): string {
  const match = new RegExp(`## ${heading}\\n\\n\`\`\`js\\n([\\s\\S]*?)\`\`\``).exec(text)
  if (match === null) throw new Error(`the page has no code under "${heading}"`)
  return match[1]!
}

/** What stands before an example when it is audited: the declarations that its names come from. */
export const PRELUDE = `import assert from 'node:assert/strict'
import pg from 'pg'
import postgres from 'postgres'
import knex from 'knex'
import { drizzle } from 'drizzle-orm/node-postgres'
import { runner as migrate } from 'node-pg-migrate'
const alice = new pg.Client(url)
const bob = new pg.Client(url)
const pool = new pg.Pool({ connectionString: url, max: 1 })
`
