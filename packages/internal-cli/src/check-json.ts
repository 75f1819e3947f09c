/** For tests: what a bin printed with `--json`, against the schema that its package publishes. */
import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

/** Commands whose output is a document that the package publishes anyway, and the one that has no name. */
const SCHEMA_OF: Readonly<Record<string, string>> = {
  'pg-backup show': 'manifest',
  'restore-verify report': 'report',
  'pgbouncer-audit': 'audit',
}

/** Where a bin's package lies, below the project's folder. */
export function folderOf(bin: string): string {
  return bin === 'ops-worker' ? 'examples/ops-worker' : `packages/${bin}`
}

/** The name of the schema of a command (`pg-backup list`), which is the command's own but for a few. */
export function schemaOf(command: string): string {
  return SCHEMA_OF[command] ?? command.split(' ').slice(1).join('-')
}

/**
 * Throws where stdout is not what the schema of the command, or that of a failure, says. Takes every
 * command line of a bin, and leaves alone those that print no JSON of ours.
 */
export function checkJson(bin: string, args: readonly string[], stdout: string): void {
  if (!args.includes('--json') || args.includes('--help') || stdout === '') return
  const isFailure = compiled(bin, 'failed')
  const values = valuesOf(stdout).filter((value) => !isFailure(value))
  if (values.length === 0) return
  const isValid = compiled(bin, schemaOf(commandOf(bin, args)))
  for (const value of values) {
    if (isValid(value)) continue
    throw new Error(
      `${bin} ${args.join(' ')}: ${ajv.errorsText(isValid.errors, { dataVar: '' })}: ${JSON.stringify(value).slice(0, 2000)}`,
    )
  }
}

/** One document, or one on each line. */
function valuesOf(stdout: string): unknown[] {
  try {
    return [JSON.parse(stdout)]
  } catch {
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
  }
}

/** The longest beginning of the command line that has a schema. */
function commandOf(bin: string, args: readonly string[]): string {
  const words = args.slice(
    0,
    args.findIndex((arg) => !/^[a-z][a-z-]*$/.test(arg)),
  )
  for (let count = words.length; count > 0; count -= 1) {
    const command = [bin, ...words.slice(0, count)].join(' ')
    if (schemaText(bin, schemaOf(command)) !== undefined) return command
  }
  return bin
}

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true })
addFormats.default(ajv)

function compiled(bin: string, schema: string): ReturnType<Ajv2020['compile']> {
  const id = `${bin}/${schema}`
  const known = ajv.getSchema(id)
  if (known !== undefined) return known
  const text = schemaText(bin, schema)
  if (text === undefined) throw new Error(`${bin} publishes no schema "${schema}"`)
  return ajv.compile({ ...(JSON.parse(text) as object), $id: id })
}

function schemaText(bin: string, schema: string): string | undefined {
  try {
    return readFileSync(
      new URL(`../../../${folderOf(bin)}/schema/${schema}.schema.json`, import.meta.url),
      'utf8',
    )
  } catch {
    return undefined
  }
}
