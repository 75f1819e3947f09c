import { readFile } from 'node:fs/promises'
import { errorMessage } from '@ops/internal-error'
import { parse } from 'yaml'
import { z } from 'zod'
import { configSchema, type Config } from './config-schema.ts'
import { WorkerError } from './worker-error.ts'

/** One key that has a value of its own. */
export interface Setting {
  readonly path: readonly string[]
  /** `store.secretAccessKey` is `OPS_WORKER_STORE_SECRET_ACCESS_KEY`. */
  readonly variable: string
  readonly kind: 'text' | 'list' | 'value'
  /** It can also be read from a file: by `…_FILE` in the environment, or `…File` in the configuration file. */
  readonly isSecret: boolean
}

export const SETTINGS: readonly Setting[] = [...settingsOf(configSchema, [])]

export interface LoadConfigOptions {
  /** YAML, and so JSON too. @default none: everything comes from the environment */
  readonly file?: string
  readonly env: NodeJS.ProcessEnv
}

/**
 * Reads the configuration: the environment goes before the file, the file before the defaults.
 * Rejects with `WORKER_CONFIG_INVALID` and every problem that there is.
 */
export async function loadConfig({ file, env }: LoadConfigOptions): Promise<Config> {
  const problems: string[] = []
  const raw = file === undefined ? {} : await readYaml(file, problems)
  await readSecretFiles(raw, problems)
  await readEnvironment(raw, env, problems)
  const result = await configSchema.safeParseAsync(raw, {
    error: ({ input }) => (input === undefined ? 'it is missing' : undefined),
  })
  for (const { path, message } of result.error?.issues ?? [])
    problems.push(describe(path.map(String), message))
  if (problems.length > 0 || result.data === undefined) throw invalid(problems)
  return result.data
}

function invalid(problems: readonly string[]): WorkerError {
  const message = `the configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}: ${problems.join('; ')}`
  return new WorkerError('WORKER_CONFIG_INVALID', message, { details: { problems } })
}

type Section = Record<string, unknown>

async function readYaml(file: string, problems: string[]): Promise<Section> {
  try {
    const content: unknown = parse(await readFile(file, 'utf8')) ?? {}
    if (isSection(content)) return content
    problems.push(`${file}: it must be a mapping of keys to values`)
  } catch (error) {
    // Beyond its first line, the parser's message repeats the file, which may have a secret in it.
    problems.push(`${file}: ${errorMessage(error).split('\n')[0]}`)
  }
  return {}
}

/** `passwordFile: /run/secrets/x` is `password` with what is in that file. */
async function readSecretFiles(raw: Section, problems: string[]): Promise<void> {
  for (const { path, isSecret } of SETTINGS) {
    const parent = sectionAt(raw, path.slice(0, -1))
    const key = `${path.at(-1)}File`
    const file = parent?.[key]
    if (!isSecret || parent === undefined || file === undefined) continue
    delete parent[key]
    const secret = await readSecret(file, [...path.slice(0, -1), key].join('.'), problems)
    if (secret !== undefined) parent[path.at(-1)!] = secret
  }
}

async function readEnvironment(raw: Section, env: NodeJS.ProcessEnv, problems: string[]): Promise<void> {
  const known = new Set(['OPS_WORKER_CONFIG'])
  for (const setting of SETTINGS) {
    const { path, variable, isSecret } = setting
    known.add(variable)
    if (isSecret) known.add(`${variable}_FILE`)
    const text = env[variable]
    const file = isSecret ? env[`${variable}_FILE`] : undefined
    if (text !== undefined) setAt(raw, path, valueOf(text, setting))
    else if (file !== undefined) {
      const secret = await readSecret(file, `${variable}_FILE`, problems)
      if (secret !== undefined) setAt(raw, path, secret)
    }
  }
  for (const variable of Object.keys(env)) {
    if (variable.startsWith('OPS_WORKER_') && !known.has(variable))
      problems.push(`${variable}: there is no such setting`)
  }
}

async function readSecret(file: unknown, where: string, problems: string[]): Promise<string | undefined> {
  try {
    return (await readFile(String(file), 'utf8')).replace(/\r?\n$/, '')
  } catch (error) {
    problems.push(`${where}: ${errorMessage(error)}`)
    return undefined
  }
}

/** Texts as they are, lists by their commas, numbers and booleans as in YAML. */
function valueOf(text: string, { kind }: Setting): unknown {
  if (kind === 'text') return text
  if (kind === 'value') return parse(text) as unknown
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
}

function* settingsOf(schema: unknown, path: readonly string[]): Generator<Setting> {
  const { inner, isSecret } = unwrap(schema)
  if (inner instanceof z.ZodObject) {
    for (const [key, child] of Object.entries(inner.shape)) yield* settingsOf(child, [...path, key])
    return
  }
  const words = path.map((key) => key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase())
  const isText = inner instanceof z.ZodString || inner instanceof z.ZodEnum || inner instanceof z.ZodURL
  const kind = inner instanceof z.ZodArray ? 'list' : isText ? 'text' : 'value'
  yield { path, variable: ['OPS_WORKER', ...words].join('_'), kind, isSecret }
}

/** What is under defaults, options and transformations. */
function unwrap(schema: unknown): { inner: unknown; isSecret: boolean } {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return unwrap(schema.unwrap())
  if (schema instanceof z.ZodPipe) return unwrap(schema.in)
  return { inner: schema, isSecret: schema instanceof z.ZodType && schema.meta()?.['secret'] === true }
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
function describe(path: readonly string[], message: string): string {
  const setting = SETTINGS.find((each) => each.path.join('.') === path.join('.'))
  const where = setting === undefined ? path.join('.') : `${path.join('.')} (${setting.variable})`
  return where === '' ? message : `${where}: ${message}`
}
