// The modules that users can import, and the sources they are built from.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { publicPackages } from './public-packages.mjs'

/** `{ specifier, source, folder }` of every entry that has types. */
export function publicEntries() {
  return publicPackages().flatMap(({ name, folder, manifest }) =>
    Object.entries(manifest.exports)
      .filter(([, target]) => target.types !== undefined)
      .map(([subpath, { types }]) => ({
        specifier: name + subpath.slice(1),
        source: sourceOf(folder, types),
        folder,
      })),
  )
}

/** So that everything is read from its sources, and nothing need be built: for `compilerOptions.paths`. */
export function sourcePaths() {
  return Object.fromEntries(publicEntries().map(({ specifier, source }) => [specifier, [source]]))
}

/** `./dist/x.d.ts` is built from `src/x.ts` or `src/x/index.ts`. */
function sourceOf(folder, types) {
  const stem = types.replace('./dist/', 'src/').replace('.d.ts', '')
  const found = [`${stem}.ts`, `${stem}/index.ts`].map((file) => join(folder, file)).find(existsSync)
  if (found === undefined) throw new Error(`${folder} exports ${types}, and has no source for it`)
  return found
}
