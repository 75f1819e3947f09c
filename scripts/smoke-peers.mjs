// That the ranges of peer dependencies are real: the packed packages beside the lowest and the highest
// supported versions of what callers pass in, on the lowest Node.js 22 and on the workspace's, against a
// real PostgreSQL, PgBouncer and S3.
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPgBouncer, startPostgres, startS3 } from '../packages/testbed/src/index.ts'

const EXERCISE = join(import.meta.dirname, 'smoke-peers', 'exercise.mjs')

/** The metrics take their client structurally, so that these two have no range in a manifest. */
const LOWEST_METRICS = { 'prom-client': '15.0.0', '@prometheus-io/client': '0.16.0' }

/** Calls `attempt(what, work)` for each pair of peers and Node.js. */
export async function smokePeers(packages, attempt) {
  const folder = mkdtempSync(join(tmpdir(), 'ops-peers-'))
  try {
    await using postgres = await startPostgres()
    await using pgbouncer = await startPgBouncer({ postgres })
    await using s3 = await startS3()
    const env = {
      ...process.env,
      ...s3.env,
      BUCKET: await s3.createBucket(),
      S3_ENDPOINT: s3.endpoint,
      DATABASE_URL: postgres.url('postgres'),
      PGBOUNCER_URL: pgbouncer.adminUrl,
    }
    const node22 = lowestNode(packages)
    const lowest = install(folder, packages, { ...lowestPeers(packages), ...LOWEST_METRICS, node: node22 })
    const highest = install(folder, packages, highestPeers(packages))
    const programs = {
      [node22]: join(lowest, 'node_modules', 'node', 'bin', 'node'),
      [process.version.slice(1)]: process.execPath,
    }
    for (const [version, program] of Object.entries(programs)) {
      attempt(`lowest peers on Node.js ${version}`, () => run(program, lowest, env))
      attempt(`highest peers on Node.js ${version}`, () => run(program, highest, env))
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** `>=22.15` → `22.15.0` */
function lowestNode([{ manifest }]) {
  return `${manifest.engines.node.replace('>=', '')}.0`
}

/** `^8.15.0` → `8.15.0` */
function lowestPeers(packages) {
  const ranges = Object.assign({}, ...packages.map(({ manifest }) => manifest.peerDependencies))
  return Object.fromEntries(Object.entries(ranges).map(([name, range]) => [name, range.replace('^', '')]))
}

/** What the workspace itself is tested with, and kept up to date. */
function highestPeers(packages) {
  const versions = Object.assign({}, ...packages.map(({ manifest }) => manifest.devDependencies))
  const names = [...Object.keys(lowestPeers(packages)), ...Object.keys(LOWEST_METRICS)]
  return Object.fromEntries(names.map((name) => [name, versions[name]]))
}

function install(parent, packages, peers) {
  const project = mkdtempSync(join(parent, 'project-'))
  const tarballs = Object.fromEntries(packages.map(({ name, tarball }) => [name, `file:${tarball}`]))
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ private: true, dependencies: { ...tarballs, ...peers }, overrides: tarballs }),
  )
  copyFileSync(EXERCISE, join(project, 'exercise.mjs'))
  execFileSync('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: project,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return project
}

function run(program, project, env) {
  const result = spawnSync(program, ['exercise.mjs'], {
    cwd: project,
    env,
    encoding: 'utf8',
    timeout: 300_000,
  })
  if (result.error) throw result.error
  if (result.status !== 0) throw new Error(`exit code ${result.status}\n${result.stdout}${result.stderr}`)
}
