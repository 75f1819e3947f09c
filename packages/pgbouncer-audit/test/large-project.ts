import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a large application looks like: most files have nothing to do with the database. */
export interface LargeProject {
  readonly folder: string
  readonly files: number
  readonly bytes: number
  /** One in each file that has one. */
  readonly hazards: number
}

const FILES = 4000
const LINES_PER_FILE = 71
/** One file in so many talks to the database; in what was measured it is one in twenty-three. */
const DATABASE_EVERY = 23

/** Writes 4,000 files, 30 MB, of TypeScript to a new folder, which the caller removes. */
export function writeLargeProject(): LargeProject {
  const folder = mkdtempSync(join(tmpdir(), 'ops-audit-large-'))
  let [bytes, hazards] = [0, 0]
  for (let index = 0; index < FILES; index += 1) {
    const directory = join(folder, 'packages', `package-${index % 40}`, 'src')
    if (index < 40) mkdirSync(directory, { recursive: true })
    const isDatabase = index % DATABASE_EVERY === 0
    const text = isDatabase ? databaseModule(index) + plainModule(index) : plainModule(index)
    if (isDatabase) hazards += 1
    bytes += text.length
    writeFileSync(join(directory, `module-${index}.ts`), text)
  }
  return { folder, files: FILES, bytes, hazards }
}

function plainModule(index: number): string {
  const lines = Array.from({ length: LINES_PER_FILE }, (_, line) => {
    const name = `value${index}_${line}`
    return `export const ${name} = (input: { id: number }) => input.id > ${line} ? \`set the \${input.id}\` : "other text"`
  })
  return lines.join('\n')
}

function databaseModule(index: number): string {
  return `import { pool } from './pool.js'
export async function work${index}(id: number) {
  const { rows } = await pool.query('SELECT * FROM orders WHERE id = $1', [id])
  await pool.query(\`SELECT pg_advisory_lock(\${id})\`)
  return rows.map((row) => row.name)
}
`
}
