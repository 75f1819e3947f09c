import { defineConfig } from 'tsup'

/** One program with everything in it: an image needs Node.js and `dist`, and no `node_modules`. */
export default defineConfig({
  entry: { cli: 'src/cli.ts' },
  format: 'esm',
  target: 'node22',
  platform: 'node',
  noExternal: [/.*/],
  clean: true,
  splitting: true,
  // Packages in CommonJS load Node's own modules by `require`.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
})
