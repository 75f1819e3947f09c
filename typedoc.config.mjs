// The API reference, `npm run docs:api`: every public entry, read from its source. A warning fails it.
import { publicEntries, sourcePaths } from './scripts/public-entries.mjs'
import { publicPackages } from './scripts/public-packages.mjs'

export default {
  name: '@ops',
  out: 'docs/api',
  entryPoints: publicEntries().map(({ source }) => source),
  tsconfig: 'tsconfig.docs.json',
  compilerOptions: { paths: sourcePaths() },
  readme: 'none',
  excludeExternals: true,
  excludePrivate: true,
  excludeInternal: true,
  disableSources: true,
  treatWarningsAsErrors: true,
  validation: { notExported: true, invalidLink: true, notDocumented: true },
  // Without it only the root package's own exports are looked at, and it has none.
  packagesRequiringDocumentation: publicPackages().map(({ name }) => name),
  requiredToBeDocumented: ['Module', 'Function', 'Class', 'Interface', 'TypeAlias', 'Variable'],
}
