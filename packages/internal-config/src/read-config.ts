import { readFile } from 'node:fs/promises'
import { errorMessage } from '@ops/internal-error'
import { LineCounter, parse, parseDocument } from 'yaml'
import type { z } from 'zod'
import { settingsOf, type Setting } from './settings.ts'

export interface ReadConfigOptions<S extends z.ZodType> {
  /** A strict object of values and of further objects. */
  readonly schema: S
  /** `OPS_WORKER`: the variable of `store.url` is then `OPS_WORKER_STORE_URL`. `…_CONFIG` is left to the caller. */
  readonly prefix: string
  /** YAML, and so JSON too. @default none: everything comes from the environment */
  readonly file?: string
  readonly env: NodeJS.ProcessEnv
}

/** The configuration, or everything that is wrong with it: one line each, without secrets. */
export type ReadConfig<S extends z.ZodType> =
  | { readonly config: z.output<S>; readonly problems?: undefined }
  | { readonly config?: undefined; readonly problems: readonly string[] }

/** Reads a configuration: the environment goes before the file, the file before the schema's defaults. */
export async function readConfig<S extends z.ZodType>(options: ReadConfigOptions<S>): Promise<ReadConfig<S>> {
  const { schema, prefix, file, env } = options
  const settings = settingsOf(schema, prefix)
  const problems: string[] = []
  const raw = file === undefined ? {} : await readYaml(file, problems)
  await readSecretFiles(raw, settings, problems)
  await readEnvironment(raw, settings, { prefix, env, problems })
  const result = await schema.safeParseAsync(raw, {
    error: ({ input }) => (input === undefined ? 'it is missing' : undefined),
  })
  for (const { path, message } of result.error?.issues ?? [])
    problems.push(describe(path.map(String).join('.'), message, settings))
  return problems.length === 0 && result.success ? { config: result.data } : { problems }
}

type Section = Record<string, unknown>

async function readYaml(file: string, problems: string[]): Promise<Section> {
  try {
    const content = parseYaml(await readFile(file, 'utf8')) ?? {}
    if (isSection(content)) return content
    problems.push(`${file}: it must be a mapping of keys to values`)
  } catch (error) {
    problems.push(`${file}: ${errorMessage(error)}`)
  }
  return {}
}

/** The parser's own messages and warnings repeat what stands there, which may be a secret. */
function parseYaml(text: string): unknown {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [wrong] = [...document.errors, ...document.warnings]
  if (wrong !== undefined) {
    const { line, col } = lines.linePos(wrong.pos[0])
    throw new Error(
      `line ${line}, column ${col} is no YAML (${wrong.code}); put quotes around a text that has signs in it`,
    )
  }
  try {
    return document.toJS()
  } catch {
    throw new Error('it has an alias of nothing in it; put quotes around a text that begins with *')
  }
}

/** `passwordFile: /run/secrets/x` is `password` with what is in that file. */
async function readSecretFiles(
  raw: Section,
  settings: readonly Setting[],
  problems: string[],
): Promise<void> {
  for (const { path, isSecret } of settings) {
    const parent = sectionAt(raw, path.slice(0, -1))
    const key = `${path.at(-1)}File`
    const file = parent?.[key]
    if (!isSecret || parent === undefined || file === undefined) continue
    delete parent[key]
    const where = [...path.slice(0, -1), key].join('.')
    if (parent[path.at(-1)!] !== undefined)
      problems.push(`${where}: ${path.join('.')} is there too; leave one`)
    const secret = await readSecret(file, where, problems)
    if (secret !== undefined) parent[path.at(-1)!] = secret
  }
}

interface Environment {
  readonly prefix: string
  readonly env: NodeJS.ProcessEnv
  readonly problems: string[]
}

async function readEnvironment(
  raw: Section,
  settings: readonly Setting[],
  { prefix, env, problems }: Environment,
): Promise<void> {
  const known = new Set([`${prefix}_CONFIG`])
  for (const setting of settings) {
    const { path, variable, isSecret } = setting
    known.add(variable)
    if (isSecret) known.add(`${variable}_FILE`)
    const text = env[variable]
    const file = isSecret ? env[`${variable}_FILE`] : undefined
    if (text !== undefined && file !== undefined)
      problems.push(`${variable}_FILE: ${variable} is set too; leave one`)
    if (text !== undefined) setAt(raw, path, valueOf(text, setting))
    else if (file !== undefined) {
      const secret = await readSecret(file, `${variable}_FILE`, problems)
      if (secret !== undefined) setAt(raw, path, secret)
    }
  }
  for (const variable of Object.keys(env)) {
    if (variable.startsWith(`${prefix}_`) && !known.has(variable))
      problems.push(`${variable}: there is no such setting`)
  }
}

async function readSecret(file: unknown, where: string, problems: string[]): Promise<string | undefined> {
  try {
    const text = (await readFile(String(file), 'utf8')).replace(/[\r\n]+$/, '')
    if (text !== '') return text
    problems.push(`${where}: ${String(file)} is empty`)
  } catch (error) {
    const isFolder = (error as NodeJS.ErrnoException).code === 'EISDIR'
    const problem = `${String(file)} is a folder; Docker makes one where the file to mount is missing`
    problems.push(`${where}: ${isFolder ? problem : errorMessage(error)}`)
  }
  return undefined
}

/** Texts as they are, lists by their commas, numbers and booleans as in YAML; what is no YAML is left to the schema. */
function valueOf(text: string, { kind }: Setting): unknown {
  if (kind === 'text') return text
  if (kind === 'value') {
    try {
      return parse(text) as unknown
    } catch {
      return text
    }
  }
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
}

function sectionAt(raw: Section, path: readonly string[]): Section | undefined {
  let section: unknown = raw
  for (const key of path) section = isSection(section) ? section[key] : undefined
  return isSection(section) ? section : undefined
}

function setAt(raw: Section, path: readonly string[], value: unknown): void {
  let section = raw
  for (const key of path.slice(0, -1)) {
    if (!isSection(section[key])) section[key] = {}
    section = section[key] as Section
  }
  section[path.at(-1)!] = value
}

function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A problem by the names that the reader knows: the key, and its variable where it has one. */
function describe(key: string, message: string, settings: readonly Setting[]): string {
  const setting = settings.find(({ path }) => path.join('.') === key)
  const where = setting === undefined ? key : `${key} (${setting.variable})`
  return where === '' ? message : `${where}: ${message}`
}
