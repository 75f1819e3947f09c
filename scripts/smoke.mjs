// What a user gets: packs every public package, installs the tarballs with npm into one empty project
// outside the workspace, and there loads each entry by `import` and by `require`, compiles its
// types, and runs its bin. Then the same beside other versions of the peers: see smoke-peers.mjs.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { overLimit } from './package-limits.mjs'
import { pack, publicPackages, readJson } from './public-packages.mjs'
import { smokePeers } from './smoke-peers.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')

const NOT_EMPTY = `if (Object.keys(m).length === 0) throw new Error('nothing is exported')`

/** A worker thread is a file of its own, which must be in the tarball and be found. */
const USE_THREADS = `
  let answered = 0
  process.on('worker', (worker) => worker.on('message', ({ answers }) => { answered += answers.length }))
  probeMany(Array(100).fill('127.0.0.1:1')).then(() => {
    if (answered === 0 && availableParallelism() > 1) throw new Error('no thread has answered')
  })`

const project = mkdtempSync(join(tmpdir(), 'ops-smoke-'))
try {
  const packages = publicPackages().map((each) => Object.assign(each, { tarball: pack(each, project) }))
  install(packages)
  for (const each of packages) attempt(`${each.name} is as small as it should be`, () => describe(each))
  for (const each of packages) {
    attempt(`${each.name} brings nothing private along`, () => findPrivate(each))
    for (const { specifier } of entries(each).filter(({ isCode }) => isCode)) {
      attempt(`import '${specifier}'`, () =>
        node('--input-type=module', '-e', `import * as m from '${specifier}'; ${NOT_EMPTY}`),
      )
      attempt(`require('${specifier}')`, () =>
        node('--input-type=commonjs', '-e', `const m = require('${specifier}'); ${NOT_EMPTY}`),
      )
    }
    for (const { specifier } of entries(each).filter(({ isCode }) => !isCode)) {
      attempt(`import '${specifier}' as JSON`, () =>
        node('--input-type=module', '-e', `import m from '${specifier}' with { type: 'json' }; ${NOT_EMPTY}`),
      )
    }
    for (const bin of Object.keys(each.manifest.bin ?? {})) {
      attempt(`${bin} --help`, () => expectText(runBin(bin, '--help'), bin))
      attempt(`${bin} --version`, () => expectText(runBin(bin, '--version'), each.manifest.version))
    }
  }
  attempt('threads of @ops/cert-probe, from a module', () =>
    node(
      '--input-type=module',
      '-e',
      `import { availableParallelism } from 'node:os'; import { probeMany } from '@ops/cert-probe'; ${USE_THREADS}`,
    ),
  )
  attempt('threads of @ops/cert-probe, from CommonJS', () =>
    node(
      '--input-type=commonjs',
      '-e',
      `const { availableParallelism } = require('node:os'); const { probeMany } = require('@ops/cert-probe'); ${USE_THREADS}`,
    ),
  )
  attempt('types, from a module', () =>
    compile(packages, 'module.mts', (name, specifier) => `import * as ${name} from '${specifier}'`),
  )
  attempt('types, from CommonJS', () =>
    compile(packages, 'script.cts', (name, specifier) => `import ${name} = require('${specifier}')`),
  )
  await smokePeers(packages, attempt)
} finally {
  rmSync(project, { recursive: true, force: true })
}

/**
 * The tarballs depend on each other by version, and that version is on no registry yet: `overrides`
 * point each to its tarball. Peers come in the version that the workspace is tested with.
 */
function install(packages) {
  const tarballs = Object.fromEntries(packages.map(({ name, tarball }) => [name, `file:${tarball}`]))
  const peers = Object.assign({}, ...packages.map(({ manifest }) => testedPeers(manifest)))
  const types = { '@types/node': readJson(join(root, 'package.json')).devDependencies['@types/node'] }
  const manifest = { private: true, dependencies: { ...tarballs, ...peers, ...types }, overrides: tarballs }
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest))
  execFileSync('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: project,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

function testedPeers({ peerDependencies = {}, devDependencies = {} }) {
  return Object.fromEntries(Object.keys(peerDependencies).map((name) => [name, devDependencies[name]]))
}

/** Prints what installing the package costs, and compares it with what it may. */
function describe({ name, tarball, manifest }) {
  const files = listFiles(join(project, 'node_modules', name))
  const unpacked = files.reduce((sum, file) => sum + statSync(file).size, 0)
  const direct = Object.keys(manifest.dependencies ?? {}).length
  const installed = countInstalled(name)
  console.log(
    `     ${name}: ${kilobytes(statSync(tarball).size)} packed, ${kilobytes(unpacked)} in ${files.length} files, ` +
      `${direct} dependencies, ${installed} with theirs`,
  )
  const excess = overLimit(name, { installed })
  if (excess.length > 0) throw new Error(excess.join('\n'))
}

function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(0)} kB`
}

/** How many packages npm installs for `name`, without peers. */
function countInstalled(name) {
  const { packages } = readJson(join(project, 'node_modules', '.package-lock.json'))
  const found = new Set()
  const visit = (path) => {
    for (const dependency of Object.keys(packages[path].dependencies ?? {})) {
      const resolved = resolve(packages, path, dependency)
      if (resolved === undefined || found.has(resolved)) continue
      found.add(resolved)
      visit(resolved)
    }
  }
  visit(`node_modules/${name}`)
  return found.size
}

/** Node's own way up: from the innermost `node_modules` to the project's. */
function resolve(packages, from, dependency) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    const candidate = `${folder === '' ? '' : `${folder}/`}node_modules/${dependency}`
    if (candidate in packages) return candidate
    if (folder === '') return undefined
  }
}

/** Everything the package exports, as one writes it in an import. */
function entries({ name, manifest }) {
  return Object.entries(manifest.exports).flatMap(([subpath, target]) => {
    const specifier = name + subpath.slice(1)
    if (typeof target === 'object') return [{ specifier, isCode: true }]
    return starsOf(name, target).map((star) => ({ specifier: specifier.replace('*', star), isCode: false }))
  })
}

/** What `*` stands for in a target like `./schema/*.json`, by the files that are there. */
function starsOf(name, target) {
  if (!target.includes('*')) return ['']
  const [before, after] = target.split('*')
  const stars = readdirSync(join(project, 'node_modules', name, before))
    .filter((file) => file.endsWith(after))
    .map((file) => file.slice(0, file.length - after.length))
  if (stars.length === 0) throw new Error(`${name} has nothing for ${target}`)
  return stars
}

/** Private packages are inlined; one that is still named would be missing at the user's. */
function findPrivate({ name }) {
  const folder = join(project, 'node_modules', name)
  const mentions = listFiles(folder).filter(
    (file) => /\.(js|d\.ts)$/.test(file) && /@ops\/(internal-|testbed)/.test(readFileSync(file, 'utf8')),
  )
  const {
    dependencies = {},
    peerDependencies = {},
    optionalDependencies = {},
  } = readJson(join(folder, 'package.json'))
  const needed = Object.entries({ ...dependencies, ...peerDependencies, ...optionalDependencies })
  const wrong = needed.filter(
    ([dependency, range]) => /^@ops\/(internal-|testbed)/.test(dependency) || range.startsWith('workspace:'),
  )
  if (mentions.length + wrong.length > 0) throw new Error([...mentions, ...wrong.map(String)].join('\n'))
}

/** Compiles one file that imports everything, with the libraries' own types checked too. */
function compile(packages, file, importAs) {
  const specifiers = packages.flatMap(entries).filter(({ isCode }) => isCode)
  const imports = specifiers.map(({ specifier }, index) => importAs(`entry${index}`, specifier))
  const uses = specifiers.map((_, index) => `entry${index}`)
  writeFileSync(join(project, file), `${imports.join('\n')}\nexport const all = [${uses.join(', ')}]\n`)
  const options = {
    strict: true,
    noEmit: true,
    module: 'nodenext',
    target: 'es2022',
    skipLibCheck: false,
    types: ['node'],
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: [file] }))
  node(tsc, '-p', project)
}

function node(...args) {
  return run(process.execPath, args)
}

function runBin(bin, ...args) {
  return run(join(project, 'node_modules', '.bin', bin), args)
}

function run(program, args) {
  const result = spawnSync(program, args, { cwd: project, encoding: 'utf8', timeout: 300_000 })
  if (result.error) throw result.error
  if (result.status !== 0) throw new Error(`exit code ${result.status}\n${result.stdout}${result.stderr}`)
  return result.stdout
}

function expectText(output, text) {
  if (!output.includes(text)) throw new Error(`'${text}' expected on stdout, which was: ${output}`)
}

function listFiles(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

function attempt(what, work) {
  try {
    work()
    console.log(`ok   ${what}`)
  } catch (error) {
    console.log(`FAIL ${what}\n${error.message}`)
    process.exitCode = 1
  }
}
