import { basename, dirname, join, resolve } from 'node:path'
import { languageOf } from '../files/file-kind.ts'
import { readSource } from '../files/read-file.ts'
import type { Identity } from './identity.ts'
import { exportIdentity, loadContext, type LoadedContext } from './module.ts'

/** The modules of the audited project, parsed when somebody asks for them. */
export interface Project {
  load(path: string, source: string): LoadedContext
}

const EXTENSIONS = ['.ts', '.tsx', '.mts', '.cts', '.js', '.jsx', '.mjs', '.cjs']
/** Chains of re-exports longer than this are not followed. */
const MAX_HOPS = 6

/** `files`: absolute paths of all modules; `readText`: for files that are not on disk. */
export function createProject(
  files: readonly string[],
  readText?: (path: string) => string | undefined,
): Project {
  const known = new Set(files)
  const byName = new Map<string, string[]>()
  for (const file of files) {
    const stem = basename(file).replace(/\.[cm]?[jt]sx?$/, '')
    const key = stem === 'index' ? basename(dirname(file)) : stem
    byName.set(key, [...(byName.get(key) ?? []), file])
  }
  const contexts = new Map<string, LoadedContext | undefined>()
  const asked = new Map<string, Identity | undefined>()

  function load(path: string, source: string, hops = 0): LoadedContext {
    const loaded = loadContext(path, source, languageOf(path), (specifier, name) =>
      resolveExport(path, specifier, name, hops + 1),
    )
    return loaded
  }

  function resolveExport(from: string, specifier: string, name: string, hops: number): Identity | undefined {
    if (name === '*' || hops > MAX_HOPS) return undefined
    const target = resolveModule(from, specifier)
    if (target === undefined) return undefined
    const key = `${target}\0${name}`
    if (asked.has(key)) return asked.get(key)
    asked.set(key, undefined)
    const context = contextOf(target, hops)
    const identity =
      context === undefined || 'problem' in context
        ? undefined
        : exportIdentity(context.context, name, (inner, innerName) =>
            resolveExport(target, inner, innerName, hops + 1),
          )
    asked.set(key, identity)
    return identity
  }

  function contextOf(path: string, hops: number): LoadedContext | undefined {
    if (contexts.has(path)) return contexts.get(path)
    contexts.set(path, undefined)
    const text = readText?.(path) ?? readModuleText(path)
    const loaded = text === undefined ? undefined : load(path, text, hops)
    contexts.set(path, loaded)
    return loaded
  }

  /** Relative paths exactly; aliases (`@/db`, `~/lib/db`, `@acme/db`) by the nearest file with such an end. */
  function resolveModule(from: string, specifier: string): string | undefined {
    if (specifier.startsWith('.'))
      return candidates(resolve(dirname(from), specifier)).find((each) => known.has(each))
    const inner = /^(?:@|~|#|\$\w*|src|app|lib|@\w[\w-]*)\/(.+)$/.exec(specifier)?.[1]
    if (inner === undefined) return undefined
    const ending = inner.replace(/\.[cm]?[jt]sx?$/, '')
    const options = (byName.get(basename(ending)) ?? []).filter((file) => endsLike(file, ending))
    return options.toSorted((a, b) => commonPrefix(b, from) - commonPrefix(a, from))[0]
  }

  return { load: (path, source) => load(path, source) }
}

function readModuleText(path: string): string | undefined {
  const outcome = readSource(path)
  return 'bytes' in outcome ? outcome.bytes.toString('utf8') : undefined
}

function candidates(path: string): string[] {
  const stem = path.replace(/\.[cm]?jsx?$/, '')
  return [
    path,
    ...EXTENSIONS.flatMap((extension) => [
      path + extension,
      stem + extension,
      join(path, `index${extension}`),
    ]),
  ]
}

function endsLike(file: string, ending: string): boolean {
  const stem = file.replace(/\.[cm]?[jt]sx?$/, '').replace(/\/(?:src\/)?index$/, '')
  return stem.endsWith(`/${ending}`)
}

function commonPrefix(a: string, b: string): number {
  let length = 0
  while (length < a.length && a[length] === b[length]) length += 1
  return length
}
