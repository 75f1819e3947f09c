import { z } from 'zod'

/** One key that has a value of its own. */
export interface Setting {
  readonly path: readonly string[]
  /** `store.secretAccessKey` is `PREFIX_STORE_SECRET_ACCESS_KEY`. */
  readonly variable: string
  readonly kind: 'text' | 'list' | 'value'
  /** It can also be read from a file: by `…_FILE` in the environment, or `…File` in the configuration file. */
  readonly isSecret: boolean
}

/** Everything that a schema lets be set. A secret is marked by `.meta({ secret: true })`. */
export function settingsOf(schema: z.ZodType, prefix: string): Setting[] {
  return [...walk(schema, [], prefix)]
}

function* walk(schema: unknown, path: readonly string[], prefix: string): Generator<Setting> {
  const { inner, isSecret } = unwrap(schema)
  if (inner instanceof z.ZodObject) {
    for (const [key, child] of Object.entries(inner.shape)) yield* walk(child, [...path, key], prefix)
    return
  }
  const words = path.map((key) => key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase())
  const isText = inner instanceof z.ZodString || inner instanceof z.ZodEnum || inner instanceof z.ZodURL
  const kind = inner instanceof z.ZodArray ? 'list' : isText ? 'text' : 'value'
  yield { path, variable: [prefix, ...words].join('_'), kind, isSecret }
}

/** What is under defaults, options and transformations. */
function unwrap(schema: unknown): { inner: unknown; isSecret: boolean } {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return unwrap(schema.unwrap())
  if (schema instanceof z.ZodPipe) return unwrap(schema.in)
  return { inner: schema, isSecret: schema instanceof z.ZodType && schema.meta()?.['secret'] === true }
}
