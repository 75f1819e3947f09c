// Set-up and start of the two commands that a fresh clone offers: `npm run demo` and `npm test`.
// Runs on any Node.js from 18 on, before anything is installed, so it imports nothing but Node itself.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const PNPM = `pnpm@${/"packageManager": "pnpm@([^"]+)"/.exec(readFileSync(join(root, 'package.json'), 'utf8'))[1]}`

const COMMANDS = {
  /** The main job on a database of its own: back up, restore, prove. */
  demo: (args) => {
    build()
    return run('node', ['examples/demo/main.ts', ...args])
  },
  /** Unit and integration tests. */
  test: (args) => {
    build()
    return run('vitest', ['run', '--project', 'unit', '--project', 'integration', ...args])
  },
  /** Set-up and build alone, for continuous integration. */
  setup: () => {
    build()
    return 0
  },
}

// Ctrl-C reaches the program that runs, too: it cleans up and ends, and this one waits for it.
process.on('SIGINT', () => undefined)

const [name, ...args] = process.argv.slice(2)
const command = COMMANDS[name]
if (command === undefined) fail(`usage: node scripts/setup.mjs ${Object.keys(COMMANDS).join('|')}`)
installDependencies()
installServers(name !== 'demo')
process.exitCode = command(args)

/** Dependencies from the lockfile, skipped when the lockfile has not changed since the last time. */
function installDependencies() {
  const stamp = join(root, 'node_modules', '.ops-setup')
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'pnpm-lock.yaml')))
    .update(manifests())
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  say('installing dependencies (once)')
  rmSync(stamp, { force: true })
  const result = spawnSync('npx', ['--yes', PNPM, 'install', '--frozen-lockfile', '--reporter=append-only'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    env: { ...process.env, npm_config_loglevel: 'error' },
  })
  if (result.status !== 0)
    fail(`the dependencies could not be installed:\n${result.stdout ?? ''}${result.stderr ?? ''}`)
  writeFileSync(stamp, wanted)
}

function manifests() {
  const hash = createHash('sha256')
  for (const folder of ['packages', 'examples']) {
    if (!existsSync(join(root, folder))) continue
    for (const each of readdirSync(join(root, folder)).sort()) {
      const manifest = join(root, folder, each, 'package.json')
      if (existsSync(manifest)) hash.update(readFileSync(manifest))
    }
  }
  return hash.digest()
}

function build() {
  const status = run('turbo', ['run', 'build', '--output-logs=errors-only', '--log-order=grouped'], {
    quiet: true,
  })
  if (status !== 0) fail('the build failed')
}

/** PostgreSQL's programs, and for the tests PgBouncer: found, or installed where that can be done without asking. */
function installServers(withPgBouncer) {
  const missing = []
  if (!['initdb', 'postgres', 'pg_dump', 'pg_restore', 'psql'].every((program) => findProgram(program)))
    missing.push('postgresql')
  const forTests = withPgBouncer ? ['pgbouncer', 'age', 'zstd'] : []
  missing.push(...forTests.filter((program) => !findProgram(program)))
  if (missing.length === 0) return
  if (!canUseApt()) {
    fail(
      `${missing.join(' and ')} not found. Looked on PATH, in OPS_PG_BIN, in /usr/lib/postgresql/*/bin and in Homebrew's folders. ` +
        'Install PostgreSQL (server and client, version 13 or newer' +
        (withPgBouncer ? ', PgBouncer, age and zstd' : '') +
        '): on Debian and Ubuntu `sudo apt-get install postgresql pgbouncer age zstd`, on Fedora `sudo dnf install postgresql-server postgresql pgbouncer`, ' +
        'on macOS `brew install postgresql@17 pgbouncer age zstd`; or set OPS_PG_BIN to the folder that has `initdb`. Then run this command again.',
    )
  }
  say(`installing ${missing.join(' and ')} with apt (once)`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...args) => spawnSync('apt-get', args, { env, encoding: 'utf8' })
  apt('update', '-qq')
  const result = apt('install', '-y', '-qq', '--no-install-recommends', ...missing)
  if (result.status !== 0) fail(`apt-get install ${missing.join(' ')} failed:\n${result.stderr}`)
}

/** Where PostgreSQL's programs are looked for; packages/testbed/src/find-program.ts looks in the same places. */
function findProgram(program) {
  const folders = [
    process.env.OPS_PG_BIN,
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    ...postgresFolders(),
  ]
  return folders.some((folder) => folder && isFile(join(folder, program)))
}

function postgresFolders() {
  return [
    ...list('/usr/lib/postgresql').map((version) => `/usr/lib/postgresql/${version}/bin`),
    ...['/opt/homebrew/opt', '/usr/local/opt'].flatMap((parent) =>
      list(parent)
        .filter((name) => /^(postgresql|libpq|pgbouncer)/.test(name))
        .map((name) => join(parent, name, 'bin')),
    ),
  ]
}

function list(folder) {
  return existsSync(folder) ? readdirSync(folder) : []
}

function canUseApt() {
  const isDebian = existsSync('/etc/debian_version') && isFile('/usr/bin/apt-get')
  return isDebian && typeof process.getuid === 'function' && process.getuid() === 0
}

/** Runs a program of the workspace, on the Node.js that the workspace pins. */
function run(program, args, { quiet = false } = {}) {
  const path = [
    join(root, 'node_modules', '.bin'),
    join(root, 'node_modules', 'node', 'bin'),
    process.env.PATH,
  ].join(delimiter)
  const result = spawnSync(program, args, {
    cwd: root,
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    encoding: 'utf8',
    env: { ...process.env, PATH: path, TURBO_TELEMETRY_DISABLED: '1' },
  })
  if (result.error) fail(`${program} could not be started: ${result.error.message}`)
  if (quiet && result.status !== 0) process.stderr.write(`${result.stdout}${result.stderr}`)
  return result.status ?? 1
}

function isFile(path) {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function say(line) {
  process.stderr.write(`ops: ${line}\n`)
}

function fail(message) {
  process.stderr.write(`ops: ${message}\n`)
  process.exit(1)
}
