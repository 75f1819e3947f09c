// Every function, class and type guard that a package exports has an `@example`, and every example in its
// public sources compiles: all of them in one run of the compiler, each as a module of its own. So does
// every package's README, whose blocks of ts are one module, as they are read one after the other. And every
// member of what a caller passes in (`…Options`, `…Input`) says what it is.
import { readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { publicEntries, sourcePaths } from './public-entries.mjs'
import { publicPackages } from './public-packages.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const entries = publicEntries()
const options = compilerOptions()

const found = examplesOf(entries)
for (const { name, where } of found.missing) fail(`${where}: ${name} has no @example`)
for (const { name, where } of found.unexplained) fail(`${where}: ${name} has no description`)
const examples = new Map([...found.examples, ...readmes()].map(({ file, code }) => [file, code]))
const problems = compile(examples)
for (const problem of problems) fail(problem)
console.log(
  `${examples.size} examples compiled, ${problems.length} errors; ${found.missing.length} exports without`,
)

/** The examples of what the entries export, and what should have one and has none. */
function examplesOf(modules) {
  const program = ts.createProgram(
    modules.map(({ source }) => source),
    options,
  )
  const checker = program.getTypeChecker()
  const examples = []
  const missing = []
  const unexplained = []
  const seen = new Set()
  for (const { source, folder } of modules) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(source))
    for (const exported of checker.getExportsOfModule(module)) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
      if (seen.has(symbol)) continue
      seen.add(symbol)
      unexplained.push(...undocumentedMembers(symbol, checker))
      const codes = symbol.getJsDocTags(checker).filter(({ name }) => name === 'example')
      const isTypeOnly = exported.declarations.some(ts.isTypeOnlyExportDeclaration)
      if (codes.length === 0 && !isTypeOnly && needsExample(symbol, checker))
        missing.push({ name: symbol.name, where: relative(root, source) })
      for (const [index, { text }] of codes.entries()) {
        // In the package's folder, where its own dependencies are found.
        const file = join(folder, `example.${basename(source, '.ts')}.${symbol.name}.${index}.mts`)
        examples.push({ file, code: codeIn(ts.displayPartsToString(text)) })
      }
    }
  }
  return { examples, missing, unexplained }
}

/** Members of the type of an options object that have no comment; those of other packages' types are theirs. */
function undocumentedMembers(symbol, checker) {
  if (!/(?:Options|Input)$/.test(symbol.name)) return []
  return checker
    .getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol))
    .filter(
      (member) => member.getDocumentationComment(checker).length + member.getJsDocTags(checker).length === 0,
    )
    .map((member) => ({ name: `${symbol.name}.${member.name}`, declaration: member.declarations?.[0] }))
    .filter(({ declaration }) => declaration?.getSourceFile().fileName.startsWith(join(root, 'packages')))
    .map(({ name, declaration }) => {
      const file = declaration.getSourceFile()
      const { line } = file.getLineAndCharacterOfPosition(declaration.getStart())
      return { name, where: `${relative(root, file.fileName)}:${line + 1}` }
    })
}

function readmes() {
  return publicPackages().map(({ folder }) => {
    const page = readFileSync(join(folder, 'README.md'), 'utf8')
    const blocks = Array.from(page.matchAll(/^```ts\n(.*?)^```$/gms), ([, block]) => block)
    return { file: join(folder, 'README.mts'), code: blocks.join('') }
  })
}

/** What can be called or made; constants and types are shown by what takes them. */
function needsExample(symbol, checker) {
  if (symbol.flags & (ts.SymbolFlags.Function | ts.SymbolFlags.Class)) return true
  if (!(symbol.flags & ts.SymbolFlags.Variable)) return false
  return checker.getTypeOfSymbol(symbol).getCallSignatures().length > 0
}

function codeIn(text) {
  const [, code] = /^```ts\n([\s\S]*)\n```$/.exec(text.trim()) ?? []
  return code ?? `an example must be one block of ts: ${text}`
}

/** Compiles files that are only in memory. */
function compile(files) {
  const onDisk = ts.createCompilerHost(options)
  const host = {
    ...onDisk,
    fileExists: (path) => files.has(path) || onDisk.fileExists(path),
    readFile: (path) => files.get(path) ?? onDisk.readFile(path),
    getSourceFile: (path, target, ...rest) =>
      files.has(path)
        ? ts.createSourceFile(path, `${files.get(path)}\nexport {}\n`, target, true)
        : onDisk.getSourceFile(path, target, ...rest),
  }
  const program = ts.createProgram([...files.keys()], options, host)
  return [...files.keys()]
    .flatMap((path) => ts.getPreEmitDiagnostics(program, program.getSourceFile(path)))
    .map(({ file, start, messageText }) => {
      const { line } = file.getLineAndCharacterOfPosition(start)
      return `${relative(root, file.fileName)}:${line + 1}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
    })
}

function compilerOptions() {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.docs.json'), (path) => ts.sys.readFile(path))
  const parsed = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, root)
  return { ...parsed.options, declaration: false, isolatedDeclarations: false, paths: sourcePaths() }
}

function fail(message) {
  console.log(`FAIL ${message}`)
  process.exitCode = 1
}
