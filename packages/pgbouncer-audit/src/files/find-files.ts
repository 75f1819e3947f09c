import { existsSync, readdirSync, readFileSync, realpathSync, statSync, type Dirent } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import ignore, { type Ignore } from 'ignore'
import { errorMessage } from '@ops/internal-error'
import type { Warning } from '../finding.ts'
import { kindOfFile } from './file-kind.ts'

/** Folders of dependencies and build results, left out even where no .gitignore says so. */
const LEFT_OUT = new Set([
  'node_modules',
  '.git',
  'dist',
  '.next',
  '.nuxt',
  '.svelte-kit',
  '.turbo',
  '.output',
  'coverage',
  '.yarn',
  'bower_components',
  '.vercel',
  '.cache',
])

export interface FoundFiles {
  /** Absolute paths of files that may hold SQL or connection settings. */
  readonly files: readonly string[]
  /** Absolute paths of every package.json on the way. */
  readonly manifests: readonly string[]
  readonly warnings: readonly Warning[]
}

interface Rules {
  readonly base: string
  readonly matcher: Ignore
}

/** Walks `root`, respecting every `.gitignore` on the way down. */
export function findFiles(root: string): FoundFiles {
  const files: string[] = []
  const manifests: string[] = []
  const warnings: Warning[] = []
  const visited = new Set<string>()
  const warn = (path: string, message: string): void =>
    void warnings.push({ file: portable(relative(root, path)), message })

  const visit = (folder: string, inherited: readonly Rules[], above: readonly string[]): void => {
    const real = realPath(folder)
    if (above.includes(real))
      warn(folder, 'The symbolic link leads back to a folder above it, and is not followed')
    if (visited.has(real)) return
    visited.add(real)
    let entries: Dirent[]
    try {
      entries = readdirSync(folder, { withFileTypes: true })
    } catch (error) {
      warn(folder, `The folder cannot be read: ${errorMessage(error)}`)
      return
    }
    const rules = [...inherited, ...ownRules(folder)]
    for (const entry of entries) {
      const path = join(folder, entry.name)
      const kind = entry.isSymbolicLink() ? linkTarget(path, warn) : entry.isDirectory() ? 'folder' : 'file'
      if (kind === undefined || isIgnored(path, kind === 'folder', rules)) continue
      if (kind === 'folder') {
        if (!LEFT_OUT.has(entry.name)) visit(path, rules, [...above, real])
      } else if (entry.name === 'package.json') manifests.push(path)
      else if (kindOfFile(entry.name) !== undefined) files.push(path)
    }
  }
  visit(root, rulesAbove(root), [])
  return { files, manifests, warnings }
}

/** What the repository's folders above `root` ignore; nothing when they ignore `root` itself, which was asked for. */
function rulesAbove(root: string): Rules[] {
  const above: string[] = []
  let folder = root
  while (!existsSync(join(folder, '.git'))) {
    const parent = dirname(folder)
    if (parent === folder) return []
    above.unshift(parent)
    folder = parent
  }
  const rules = above.flatMap((each) => ownRules(each))
  return isIgnored(root, true, rules) ? [] : rules
}

function ownRules(folder: string): Rules[] {
  const path = join(folder, '.gitignore')
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return []
  try {
    return [{ base: folder, matcher: ignore().add(readFileSync(path, 'utf8')) }]
  } catch {
    return []
  }
}

function isIgnored(path: string, isFolder: boolean, rules: readonly Rules[]): boolean {
  let ignored = false
  for (const { base, matcher } of rules) {
    const inner = portable(relative(base, path)) + (isFolder ? '/' : '')
    const result = matcher.test(inner)
    if (result.ignored) ignored = true
    if (result.unignored) ignored = false
  }
  return ignored
}

/** A folder that goes away meanwhile is reported when it is read. */
function realPath(folder: string): string {
  try {
    return realpathSync(folder)
  } catch {
    return folder
  }
}

/** What a link leads to; folders are followed, each once. */
function linkTarget(
  path: string,
  warn: (path: string, message: string) => void,
): 'folder' | 'file' | undefined {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'file'
  } catch (error) {
    warn(path, `The symbolic link leads nowhere: ${errorMessage(error)}`)
    return undefined
  }
}

/** Forward slashes on every system. */
export function portable(path: string): string {
  return sep === '/' ? path : path.replaceAll(sep, '/')
}
