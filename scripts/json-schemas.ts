/**
 * The schemas of what the commands print with `--json`, made from the types in each package's
 * `src/json-output.ts`: `node scripts/json-schemas.ts` writes them, and a test compares. Needs built packages,
 * as one package's types may come from another.
 */
import { existsSync, globSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createGenerator } from 'ts-json-schema-generator'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Every schema that is made, by its path below the project's folder. */
export async function jsonSchemas(): Promise<Map<string, string>> {
  const files = globSync('{packages,examples}/*/src/json-output.ts', { cwd: ROOT }).toSorted()
  const made = await Promise.all(files.map((file) => schemasOf(file.replace('/src/json-output.ts', ''))))
  return new Map(made.flat())
}

async function schemasOf(folder: string): Promise<[path: string, text: string][]> {
  const path = join(ROOT, folder, 'src/json-output.ts')
  const types = [...(await readFile(path, 'utf8')).matchAll(/^export .*?\b(\w+)Output\b/gm)].map(
    ([, name]) => name!,
  )
  const generator = createGenerator({
    path,
    tsconfig: join(ROOT, folder, 'tsconfig.json'),
    // It comes with an older TypeScript than ours, which has checked them already.
    skipTypeCheck: true,
    topRef: false,
  })
  return types.map((type) => {
    const name = type.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter}`).toLowerCase()
    const schema = generator.createSchema(`${type}Output`)
    return [`${folder}/schema/${name}.schema.json`, `${JSON.stringify(modern(schema), null, 2)}\n`]
  })
}

/** From draft 7, which the generator writes, to draft 2020-12; they differ in these two names, for what types can say. */
function modern(schema: object): unknown {
  return JSON.parse(
    JSON.stringify({ ...schema, $schema: 'https://json-schema.org/draft/2020-12/schema' })
      .replaceAll('"#/definitions/', '"#/$defs/')
      .replaceAll('"definitions":', '"$defs":'),
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of await jsonSchemas()) {
    if (existsSync(join(ROOT, path)) && (await readFile(join(ROOT, path), 'utf8')) === text) continue
    await writeFile(join(ROOT, path), text)
    console.log(path)
  }
}
