import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { auditSource, type AuditResult } from '../src/audit-source.ts'

const HAZARD = "await client.query('LISTEN jobs')\n"
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ops-audit-'))
  write('good.ts', HAZARD)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function write(path: string, text: string | Buffer): void {
  mkdirSync(join(folder, path, '..'), { recursive: true })
  writeFileSync(join(folder, path), text)
}

/** Root may read everything, so it becomes somebody else meanwhile. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return await work()
  const nobody = 65534
  chownSync(folder, nobody, nobody)
  process.seteuid!(nobody)
  try {
    return await work()
  } finally {
    process.seteuid!(0)
  }
}

async function warningsBesideTheHazard(): Promise<string[]> {
  const { findings, stats }: AuditResult = await auditSource({ cwd: folder })
  expect(findings.map((finding) => finding.file)).toEqual(['good.ts'])
  return stats.warnings.map(({ file, message }) => `${file}: ${message}`)
}

describe('what cannot be audited is a warning, and the rest is audited', () => {
  it('broken syntax', async () => {
    write('broken.ts', `const = ;\n${HAZARD}`)
    expect(await warningsBesideTheHazard()).toEqual([
      expect.stringMatching(/^broken\.ts: Cannot be parsed as ts, line 1/),
    ])
  })

  it('a giant file', async () => {
    write('giant.ts', Buffer.alloc(9 * 1024 * 1024, HAZARD))
    expect(await warningsBesideTheHazard()).toEqual([expect.stringMatching(/^giant\.ts: Larger than 8 MiB/)])
  })

  it('a binary file', async () => {
    write('binary.ts', Buffer.concat([Buffer.from([0, 1, 2]), Buffer.from(HAZARD)]))
    expect(await warningsBesideTheHazard()).toEqual([expect.stringMatching(/^binary\.ts: Binary data/)])
  })

  it('a loop of symbolic links', async () => {
    mkdirSync(join(folder, 'a'))
    symlinkSync(folder, join(folder, 'a', 'up'))
    expect(await warningsBesideTheHazard()).toEqual([expect.stringMatching(/^a\/up: .*leads back/)])
  })

  it('two folders that link to each other', async () => {
    mkdirSync(join(folder, 'a'))
    mkdirSync(join(folder, 'b'))
    symlinkSync(join(folder, 'b'), join(folder, 'a', 'b'))
    symlinkSync(join(folder, 'a'), join(folder, 'b', 'a'))
    expect(await warningsBesideTheHazard()).toHaveLength(1)
  })

  it('a link to nowhere', async () => {
    symlinkSync(join(folder, 'missing'), join(folder, 'dangling.ts'))
    expect(await warningsBesideTheHazard()).toEqual([expect.stringMatching(/^dangling\.ts: .*leads nowhere/)])
  })

  it('a folder and a file that cannot be read', async () => {
    write('closed/inner.ts', HAZARD)
    write('closed.ts', HAZARD)
    chmodSync(join(folder, 'closed'), 0)
    chmodSync(join(folder, 'closed.ts'), 0)
    const warnings = await asNobody(warningsBesideTheHazard)
    chmodSync(join(folder, 'closed'), 0o700)
    expect(warnings).toEqual([
      expect.stringMatching(/^closed: The folder cannot be read/),
      expect.stringMatching(/^closed\.ts: Cannot be read/),
    ])
  })

  it.each([
    ['brackets', `${'['.repeat(20_000)}${']'.repeat(20_000)}`],
    ['arrow functions', `${'a => '.repeat(20_000)}1`],
    ['types', `b as ${'A<'.repeat(20_000)}B${'>'.repeat(20_000)}`],
    ['templates', `${'`${'.repeat(20_000)}1${'}`'.repeat(20_000)}`],
  ])('%s nested so deep that they would overflow the parser', async (_what, code) => {
    write('deep.ts', `const a = ${code}; // set_config`)
    expect(await warningsBesideTheHazard()).toEqual([
      expect.stringMatching(/^deep\.ts: Cannot be parsed .*deeper/),
    ])
  })

  it('a sum so long that its tree is as deep', async () => {
    write('sum.ts', `export const a = ${"'set_config(' + ".repeat(50_000)}''`)
    expect((await warningsBesideTheHazard()).length).toBeLessThanOrEqual(1)
  })

  it('thousands of variables of one name, as minified code has them', async () => {
    const part = 'function e(e){let t=e+1;const n=(e)=>t+e;return n(t)?`set ${e} = ${t}`:n(e)}'
    write('bundle.js', `${part.repeat(8_000)}client.query('LISTEN jobs')`)
    const { findings } = await auditSource({ cwd: folder })
    expect(findings.map((finding) => finding.file)).toEqual(['bundle.js', 'good.ts'])
  })

  it('an unterminated string in SQL', async () => {
    write('open.sql', "SELECT set_config('a")
    expect(await warningsBesideTheHazard()).toEqual([
      expect.stringMatching(/^open\.sql: Cannot be parsed as SQL/),
    ])
  })

  it('one broken statement in a script of SQL', async () => {
    write('script.sql', 'SELECT 1;\nSELEC 2 FROM;\nSELECT :id, set_config(:name, :value, true);')
    expect(await warningsBesideTheHazard()).toEqual([
      expect.stringMatching(/^script\.sql: The statement on line 2 is not PostgreSQL's SQL/),
    ])
  })

  it.each([
    ['types in JavaScript', 'types.js', `export const wait = (client: Client): Promise<void> => ${HAZARD}`],
    ['JSX in TypeScript', 'page.ts', `export const page = <p>{await client.query('LISTEN jobs')}</p>`],
  ])('but not %s', async (_what, path, code) => {
    write(path, code.replace('await ', ''))
    const { findings, stats } = await auditSource({ cwd: folder })
    expect(findings.map((finding) => finding.file)).toContain(path)
    expect(stats.warnings).toEqual([])
  })
})

describe('which files are audited', () => {
  it('not those that git ignores, at any depth, and those that it takes back', async () => {
    write('.gitignore', 'generated/\n*.gen.ts\n')
    write('generated/a.ts', HAZARD)
    write('a.gen.ts', HAZARD)
    write('src/.gitignore', '!b.gen.ts\nlocal.ts\n')
    write('src/b.gen.ts', HAZARD)
    write('src/local.ts', HAZARD)
    write('node_modules/x/index.js', HAZARD)
    const { findings } = await auditSource({ cwd: folder })
    expect(findings.map((finding) => finding.file)).toEqual(['good.ts', 'src/b.gen.ts'])
  })

  it('nor those that the repository around the folder ignores, unless the folder itself was asked for', async () => {
    mkdirSync(join(folder, '.git'))
    write('.gitignore', '*.gen.ts\nout/\n')
    write('apps/api/a.gen.ts', HAZARD)
    write('apps/api/b.ts', HAZARD)
    write('out/c.ts', HAZARD)
    const filesUnder = async (path: string): Promise<string[]> => {
      const { findings } = await auditSource({ cwd: join(folder, path) })
      return findings.map((finding) => finding.file)
    }
    expect(await filesUnder('apps/api')).toEqual(['b.ts'])
    expect(await filesUnder('out')).toEqual(['c.ts'])
  })

  it('a connection is known in the files that import it', async () => {
    write(
      'src/db.ts',
      "import postgres from 'postgres'\nexport const db = postgres(process.env.DIRECT_URL!)\nexport const pooled = postgres(url, { prepare: false })\n",
    )
    write(
      'src/a.ts',
      "import { db, pooled } from '@/db'\nawait db.listen('a', f)\nawait pooled.listen('b', f)\n",
    )
    write('src/mysql.ts', "import mysql from 'mysql2/promise'\nexport const db = mysql.createPool({})\n")
    write(
      'src/b.ts',
      "import { db } from './mysql.js'\nawait db.query('CREATE TEMPORARY TABLE a (id int)')\n",
    )
    const { findings } = await auditSource({ cwd: folder })
    expect(findings.map(({ file, line, ruleId }) => `${file}:${line} ${ruleId}`)).toEqual([
      'good.ts:1 PGB020',
      'src/a.ts:3 PGB020',
    ])
  })
})
