import type { Options } from 'tsup'

/**
 * What every package's build has in common: ESM only, one `.d.ts` per entry, and the private
 * `@ops/internal-*` packages inlined (code and types), so that users install nothing extra.
 * Third-party code is never bundled.
 */
export function opsPackage(entry: Record<string, string>): Options {
  return {
    entry,
    format: 'esm',
    target: 'node22',
    platform: 'node',
    dts: { resolve: [/^@ops\/internal-/] },
    noExternal: [/^@ops\/internal-/],
    clean: true,
    splitting: true,
    sourcemap: true,
    treeshake: true,
  }
}
