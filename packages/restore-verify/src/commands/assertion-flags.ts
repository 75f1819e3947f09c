import { readFile } from 'node:fs/promises'
import { UsageError } from '@ops/internal-cli'
import { z } from 'zod'
import type { Assertion } from '../checks/assertions.ts'

const file = z.array(
  z.strictObject({
    name: z.string().min(1),
    sql: z.string().min(1),
    min: z.number().optional(),
    max: z.number().optional(),
  }),
)

/** `--assert` gives an SQL query that must return true; `--assertions` a JSON file of named ones, with bounds. */
export async function assertionsFromFlags(flags: {
  readonly assert?: readonly string[]
  readonly assertions?: string
}): Promise<Assertion[]> {
  const given = (flags.assert ?? []).map((sql) => ({ name: sql, sql }))
  return flags.assertions === undefined ? given : [...given, ...(await readAssertions(flags.assertions))]
}

async function readAssertions(path: string): Promise<Assertion[]> {
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new UsageError(`--assertions ${path} cannot be read: ${(error as Error).message}`)
  }
  const parsed = file.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  throw new UsageError(
    `--assertions ${path}: ${issue.path.join('.')}: ${issue.message}; it must be [{ "name": …, "sql": …, "min": …, "max": … }]`,
  )
}
