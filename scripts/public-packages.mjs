// The packages that are published, and their tarballs as pnpm would publish them.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** `{ name, folder, manifest }` of every package that is not private. */
export function publicPackages() {
  return readdirSync(join(root, 'packages'))
    .map((name) => join(root, 'packages', name))
    .filter((folder) => existsSync(join(folder, 'package.json')))
    .map((folder) => ({ folder, manifest: readJson(join(folder, 'package.json')) }))
    .filter(({ manifest }) => manifest.private !== true)
    .map(({ folder, manifest }) => ({ name: manifest.name, folder, manifest }))
}

/** Packs a package into `destination`; returns the path of the tarball. */
export function pack({ folder }, destination) {
  const { packageManager } = readJson(join(root, 'package.json'))
  const output = execFileSync(
    'npx',
    ['--yes', packageManager, 'pack', '--json', '--pack-destination', destination],
    {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, npm_config_loglevel: 'error' },
    },
  )
  return JSON.parse(output).filename
}

export function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'))
}
