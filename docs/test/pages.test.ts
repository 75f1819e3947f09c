import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parseConnectionUri } from '@ops/pg-backup'
import { auditSource, RULES } from '@ops/pgbouncer-audit'
import { lintConfig, parseConnectionUrl } from '@ops/pgbouncer-stats'
import { checkNames } from '@ops/restore-verify'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startMachine, type Machine } from './machine.ts'
import { blocksOf, fencedBlocks, tableOf } from './page.ts'

const DOCS = fileURLToPath(new URL('..', import.meta.url))
const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url))
const names = (await readdir(DOCS)).filter((name) => name.endsWith('.md')).toSorted()
const pages = await Promise.all(
  [...names, '../README.md'].map(async (path) => ({
    name: basename(path),
    page: await readFile(join(DOCS, path), 'utf8'),
  })),
)
const pageNamed = (wanted: string): string => pages.find(({ name }) => name === wanted)!.page
/** Pages with something to run: a page of programs that runs none would pass unseen. */
const followed = pages.filter(({ page }) =>
  fencedBlocks(page).some(({ language }) => /^(?:sh|sql|ts)$/.test(language)),
)

/** What the pages take to be there: a database `app` with a table `orders`, and two roles. */
const APP_SQL = `
  DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app_owner') THEN
      CREATE ROLE app_owner NOLOGIN;
      CREATE ROLE app LOGIN PASSWORD 'app';
    END IF;
  END $$;
  CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamptz NOT NULL, note text);
  INSERT INTO orders SELECT i, now() - make_interval(mins => i), 'order ' || i FROM generate_series(1, 500) i;
  CREATE SEQUENCE order_numbers;
  ALTER TABLE orders OWNER TO app_owner;
  GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO app;`

describe('a page', () => {
  it('has only blocks that are run, checked, or plain text', () => {
    const languages = new Set(pages.flatMap(({ page }) => fencedBlocks(page).map(({ language }) => language)))
    const known = new Set(['sh', 'sql', 'ts', 'ini', 'dotenv', 'mermaid', 'text'])
    expect([...languages].filter((language) => !known.has(language))).toEqual([])
  })

  it.each(pages.flatMap(({ name, page }) => blocksOf(page, 'ini').map((text) => ({ name, text }))))(
    '$name shows a pgbouncer.ini without mistakes',
    ({ text }) => {
      const { findings } = lintConfig({ text, version: '1.24', intendedPoolMode: 'transaction' })
      expect(findings.filter(({ severity }) => severity === 'error')).toEqual([])
    },
  )
})

it('reading-a-drill-report.md explains every check', () => {
  const explained = tableOf(pageNamed('reading-a-drill-report.md'), '## The checks').map(([check]) => check)
  expect(explained).toEqual(checkNames)
})

describe('DATABASE.md', () => {
  const page = pageNamed('DATABASE.md')

  it('has connection strings that all tools can read, and no password in them', () => {
    const blocks = blocksOf(page, 'dotenv')
    expect(blocks).toHaveLength(2)
    for (const block of blocks) {
      const variables = block
        .trim()
        .split('\n')
        .map((line) => line.split(/=(.*)/s) as [string, string])
      expect(variables.map(([name]) => name)).toEqual(['DATABASE_URL', 'DIRECT_URL', 'PGBOUNCER_URL'])
      for (const [, url] of variables) {
        expect(parseConnectionUri(url).password).toBeUndefined()
        // It reads the file at once; any file will do.
        const readable = url.replace('/etc/ssl/internal-ca.pem', fileURLToPath(import.meta.url))
        expect(parseConnectionUrl(readable).port).toBe(url.includes(':6432') ? 6432 : 5432)
      }
    }
  })

  it('asks for verified certificates wherever another machine is meant', () => {
    const urls = blocksOf(page, 'dotenv')
      .join('')
      .match(/postgres:\S+/g)!
    const remote = urls.filter((url) => !url.includes('@localhost:'))
    expect(remote).toHaveLength(3)
    for (const url of remote) expect(url).toContain('?sslmode=verify-full&sslrootcert=/')
  })

  it('sizes pools as the stack does', async () => {
    const ini = await readFile(
      fileURLToPath(new URL('../../docker/pgbouncer/pgbouncer.ini', import.meta.url)),
      'utf8',
    )
    const sizes = blocksOf(page, 'text').find((block) => block.includes('default_pool_size = '))!
    const settings = sizes.split('\n').filter((line) => /^[a-z_]+ = /.test(line))
    expect(settings).toHaveLength(5)
    expect(ini.split('\n')).toEqual(expect.arrayContaining(settings))
  })

  it('lists the patterns that the audit looks for', () => {
    const rows = [...page.matchAll(/^\| \[(PGB\d+)\]\(\S+\) +\| (.*?) +\|$/gm)].map(([, id, title]) => [
      id,
      title,
    ])
    expect(rows).toEqual(RULES.map(({ id, title }) => [id, title]))
  })

  it('is right that the examples have no findings', async () => {
    const { findings } = await auditSource({ cwd: EXAMPLES, profile: { version: '1.24' } })
    expect(findings).toEqual([])
  })
})

it('the programs in the pages have no type errors', { timeout: 300_000 }, async () => {
  const folder = await mkdtemp(join(DOCS, 'snippets-'))
  try {
    for (const { name, page } of pages)
      for (const { language, text, line } of fencedBlocks(page))
        if (language === 'ts')
          await writeFile(join(folder, `${name}-line-${line}.ts`), `${text}\nexport {}\n`)
    const config = { extends: '../../tsconfig.base.json', include: ['*.ts'] }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', folder]).catch(
      (error: unknown) => error as { stdout: string },
    )
    expect(stdout).toBe('')
  } finally {
    await rm(folder, { recursive: true })
  }
})

describe('whoever does what is written gets there:', { timeout: 300_000 }, () => {
  let machine: Machine
  beforeAll(async () => {
    machine = await startMachine({ sql: APP_SQL })
  })
  afterAll(() => machine?.[Symbol.asyncDispose]())
  beforeEach(() => machine.reset())

  const apart = new Set(['DATABASE.md', 'RESTORE.md'])
  it.each(followed.filter(({ name }) => !apart.has(name)))('$name', async ({ page }) => {
    await expect(machine.follow(page)).resolves.toBeTypeOf('string')
  })

  // Its sections are different cases, of which a reader has one.
  const cases = pageNamed('RESTORE.md')
    .split(/^(?=## )/m)
    .map((section) => ({ section, heading: section.split('\n')[0]! }))
  it.each(cases.filter(({ section }) => blocksOf(section, 'sh').length > 0))(
    'RESTORE.md, $heading',
    async ({ section }) => {
      await machine.shell(
        'mkdir /etc/pg-backup; cd /etc/pg-backup; age-keygen --output key.txt 2>/dev/null; age-keygen -y key.txt > recipients',
      )
      await expect(machine.follow(section)).resolves.toBeTypeOf('string')
    },
  )

  it('DATABASE.md, and its checklist when the server was lost', async () => {
    const [operation, checklist] = pageNamed('DATABASE.md').split(/^(?=## Disaster Recovery Checklist$)/m)
    const printed = await machine.follow(operation!)
    for (const block of blocksOf(operation!, 'text')) expect(printed).toContain(block)

    await machine.loseServer()
    await machine.follow(checklist!)
    const log = await readFile(join(machine.root, 'home/recovery.log'), 'utf8')
    expect(log).toContain('500 | 500')
    const [owner] = await machine.postgres.query(
      `SELECT tableowner FROM pg_tables WHERE tablename = 'orders'`,
      'app',
    )
    expect(owner).toEqual({ tableowner: 'app_owner' })
  })
})
