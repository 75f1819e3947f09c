// The commands that stand in the text, and those that pages show without running them: each is there, and
// has each of its options. Blocks that can be run are run, in pages.test.ts and in the packages' own tests.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { BINS, mistakesIn, readHelp, type CommandHelp } from './bins.ts'
import { codeIn, commandOf, fencedBlocks } from './page.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const pages = globSync(
  [
    '*.md',
    'docs/**/*.md',
    'docker/README.md',
    '{packages,examples}/*/README.md',
    'packages/pgbouncer-audit/docs/**/*.md',
  ],
  { cwd: ROOT, exclude: ['docs/api/**', 'docs/node_modules/**'] },
)

/** Options of other programs that pages name by themselves. */
const FOREIGN: Readonly<Record<string, readonly string[]>> = {
  restic: ['--keep-within 2d', '--keep-within-daily 7d', '--keep-tag', '--stdin-from-command'],
  'docker compose': ['--profile grafana', '--force-recreate', '--network=none'],
  pg_dump: ['--format=custom --compress=0'],
}
const foreign = new Set(Object.values(FOREIGN).flat())

const help = new Map<string, CommandHelp>()
// One program after the other: all of them at once are fifty processes.
beforeAll(async () => {
  for (const bin of BINS.keys()) help.set(bin, await readHelp(bin))
}, 300_000)

/** Every option of a command and of all below it. */
const allOptions = ({ options, commands }: CommandHelp): string[] => [
  ...options,
  ...[...commands.values()].flatMap(allOptions),
]

/** The commands of a package's own README are its own; a guide has those of all. */
function optionsOn(page: string): Set<string> {
  const own = help.get(basename(dirname(page)))
  return new Set((own === undefined ? [...help.values()] : [own]).flatMap(allOptions))
}

/** Lines of blocks, continued ones joined. */
function linesOf(page: string): string[] {
  return fencedBlocks(page).flatMap(({ text }) => text.replaceAll(/\\\n\s*/g, '').split('\n'))
}

describe.each(pages)('%s', (path) => {
  const page = read(path)
  const inText = codeIn(page)

  it('names commands of ours that are there', () => {
    const commands = [...inText, ...linesOf(page)].map((code) => commandOf(code, BINS))
    expect(commands.filter((words) => words !== undefined && mistakesIn(words, help).length > 0)).toEqual([])
  })

  it('names options that are there', () => {
    const named = inText.filter((code) => /^--[a-z]/.test(code) && !foreign.has(code))
    const options = named.flatMap((code) => code.match(/(?<=^| )--[a-z][a-z-]*/g) ?? [])
    expect(options.filter((option) => !optionsOn(path).has(option))).toEqual([])
  })

  it('names scripts, benchmarks and tests that are there', () => {
    expect([...inText, ...linesOf(page)].filter(namesWhatIsNotThere)).toEqual([])
  })
})

const { scripts } = JSON.parse(read('package.json')) as { scripts: object }
const projects = new Set(['unit', 'integration', 'slow', 'docker'])

/** `npm run` of no script, `npm run bench` of no benchmark, `vitest run` of no project or no tests. */
function namesWhatIsNotThere(code: string): boolean {
  const [, script, name] = /^(?:npm run|pnpm) ([a-z:]+)(?: (?:-- )?([a-z][a-z-]*))?/.exec(code) ?? []
  if (script === 'bench' && name !== undefined) return !existsSync(join(ROOT, 'bench', `${name}.ts`))
  if (script !== undefined) return !(script in scripts)
  const [, project, tests = '.'] = /\bvitest run --project ([a-z]+)(?: (\w\S*))?/.exec(code) ?? []
  return project !== undefined && !(projects.has(project) && existsSync(join(ROOT, tests)))
}

describe('a command in the text of a guide', () => {
  const guides = pages.filter((path) => /^(?:docs\/|README\.md$)/.test(path)).map(read)
  const inBlocks = guides.flatMap((page) => fencedBlocks(page).filter(({ language }) => language === 'sh'))
  const run = inBlocks.map(({ text }) => text).join('\n')
  /** Takes a bucket with Object Lock: Ceph's, in the docker tests of s3-retention. */
  const apart = new Set(['s3-retention lock --for 14d', 's3-retention lock --for 30d --mode compliance'])
  const complete = guides.flatMap(codeIn).filter((code) => {
    const words = commandOf(code, BINS)
    return words !== undefined && words.length > 2 && !/[<…]/.test(code) && !apart.has(code)
  })

  it.each([...new Set(complete)])('is run as it stands by a block: %s', (command) => {
    expect(run).toContain(command)
  })
})

describe('the check itself', () => {
  it.each([
    ['pg-backup create --dbname app', []],
    ['pg-backup creat', ['creat']],
    ['OPS_STORE=file:///x pg-backup create --nope=1 --jobs 2 --too | tail', ['--nope=1', '--too']],
    ['pgbouncer-stats userlist write|check FILE', []],
    ['pgbouncer-stats userlist remove FILE', ['remove', 'FILE']],
    ['pgbouncer-audit apps/api [--json] [--jason]', ['--jason']],
  ])('%s', (code, mistakes) => {
    expect(mistakesIn(commandOf(code, BINS)!, help)).toEqual(mistakes)
  })
})
