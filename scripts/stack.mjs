// `npm run stack` brings the whole system up with Docker Compose, and `npm run stack -- down` takes it away again,
// with its data, its images and its secrets. Needs Docker with Compose 2.24, and nothing that has to be installed first.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const docker = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docker')
const composeFile = join(docker, 'compose.yaml')
const secrets = process.env.OPS_SECRETS || join(docker, 'secrets')

/** The stack's ports on 127.0.0.1, by service: the variable that moves it, and what it is otherwise. */
const PORTS = {
  postgres: ['OPS_POSTGRES_PORT', 5432],
  pgbouncer: ['OPS_PGBOUNCER_PORT', 6432],
  s3: ['OPS_S3_PORT', 9000],
  'ops-worker': ['OPS_WORKER_PORT', 8080],
  caddy: ['OPS_HTTPS_PORT', 8443],
  prometheus: ['OPS_PROMETHEUS_PORT', 9090],
  alertmanager: ['OPS_ALERTMANAGER_PORT', 9093],
}
const port = (service) => Number(process.env[PORTS[service][0]] || PORTS[service][1])

let isInterrupted = false
// Compose hears of Ctrl-C by itself, and is given the time to end.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => (isInterrupted = true))

const [command = 'up', ...extra] = process.argv.slice(2)
if (extra.length > 0 || !['up', 'down'].includes(command)) fail('usage: npm run stack [-- up|down]', 2)
checkDocker()
checkThatItIsNotProduction()
if (command === 'up') await up()
else await down()

async function up() {
  await checkPorts()
  await compose('build')
  // Secrets that are made anew have to reach services that run with others.
  const recreate = existsSync(join(secrets, 'ca.crt')) ? [] : ['--force-recreate']
  if (!(await run('up', '--detach', '--wait', '--wait-timeout', '300', ...recreate))) explain()
  const shown = process.env.OPS_SECRETS || 'docker/secrets'
  process.stdout.write(
    [
      '',
      'The stack is up:',
      `  demo API        https://api.localhost:${port('caddy')}/notes   (its authority: ${shown}/ca.crt)`,
      `  status page     http://127.0.0.1:${port('ops-worker')}/`,
      `  Prometheus      http://127.0.0.1:${port('prometheus')}/alerts`,
      `  Alertmanager    http://127.0.0.1:${port('alertmanager')}/`,
      `  PostgreSQL      127.0.0.1:${port('postgres')}, through PgBouncer 127.0.0.1:${port('pgbouncer')}`,
      `  passwords       ${shown}/`,
      'Take a first backup, and prove it:',
      '  docker compose --file docker/compose.yaml exec ops-worker ops-worker run backup',
      '  docker compose --file docker/compose.yaml exec ops-worker ops-worker run drill',
      'npm run stack -- down removes all of it, data included.',
      '',
    ].join('\n'),
  )
}

async function down() {
  await compose('--profile', '*', 'down', '--volumes', '--remove-orphans', '--rmi', 'all')
  // A folder of one's own may hold other things.
  if (process.env.OPS_SECRETS) return
  for (const name of readdirSync(secrets)) if (name !== '.gitignore') rmSync(join(secrets, name))
}

function checkDocker() {
  if (spawnSync('docker', ['--version']).error)
    fail('the command docker is not there; install Docker with Compose 2.24 or newer')
  const version = ask('compose', 'version', '--short')
  const [major, minor] = version?.replace(/^v/, '').split('.').map(Number) ?? []
  if (!(major > 2 || (major === 2 && minor >= 24)))
    fail(
      `Docker Compose ${version ?? 'is not there, or too old to say its version'}; install version 2.24 or newer`,
    )
  const engine = spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], { encoding: 'utf8' })
  if (engine.status !== 0) fail(`the Docker engine does not answer; start it. ${engine.stderr.trim()}`)
}

/** Its containers would lose their restart policies, its databases would get ports, and `down` would take its secrets. */
function checkThatItIsNotProduction() {
  const project = process.env.COMPOSE_PROJECT_NAME || 'ops'
  const files = ask(
    'ps',
    '--all',
    '--filter',
    `label=com.docker.compose.project=${project}`,
    '--format',
    '{{.Label "com.docker.compose.project.config_files"}}',
  )
  if (files?.includes('compose.prod.yaml'))
    fail(
      'the stack that runs here was started for production; use docker compose with the files it was started with (docker/README.md), or another COMPOSE_PROJECT_NAME',
    )
}

async function checkPorts() {
  const running = ask('compose', '--file', composeFile, 'ps', '--services', '--status', 'running')?.split(
    '\n',
  )
  const taken = []
  for (const service of Object.keys(PORTS))
    if (!running?.includes(service) && !(await isFree(port(service)))) taken.push(service)
  if (taken.length === 0) return
  const ports = taken.map((service) => `${port(service)} (${service})`).join(', ')
  const others = taken.map((service) => `${PORTS[service][0]}=${port(service) + 10_000}`).join(' ')
  fail(`taken on 127.0.0.1: ${ports}. Stop what listens there, or choose others: ${others} npm run stack`)
}

async function isFree(number) {
  const server = createServer()
  try {
    await once(server.listen(number, '127.0.0.1'), 'listening')
    server.close()
    return true
  } catch (error) {
    // Docker may take ports that we may not.
    return error.code !== 'EADDRINUSE'
  }
}

/** Ends with the last words of whatever did not become healthy. */
function explain() {
  const sick = ask(
    'compose',
    '--file',
    composeFile,
    'ps',
    '--all',
    '--format',
    '{{.Service}}\t{{.Health}}\t{{.Status}}',
  )
    ?.split('\n')
    .map((line) => line.split('\t'))
    .filter(([, health, status]) => health !== 'healthy' && !status?.startsWith('Exited (0)'))
  for (const [service, , status] of sick ?? []) {
    process.stderr.write(`\n${service}: ${status}\n`)
    spawnSync(
      'docker',
      ['compose', '--file', composeFile, 'logs', '--no-log-prefix', '--tail', '10', service],
      {
        stdio: ['ignore', process.stderr, process.stderr],
      },
    )
  }
  const names = sick?.map(([service]) => service).join(', ')
  fail(
    `not healthy: ${names || 'unknown'}. Mend it, and run this command again; npm run stack -- down removes what was started`,
  )
}

async function compose(...args) {
  if (!(await run(...args))) fail(`docker compose ${args.join(' ')} failed; the reason is above`)
}

/** Whether a command of Compose succeeds; its words go where ours do. */
async function run(...args) {
  const child = spawn('docker', ['compose', '--file', composeFile, ...args], { stdio: 'inherit' })
  const [status] = await once(child, 'close')
  if (isInterrupted)
    fail('interrupted. npm run stack goes on from here; npm run stack -- down removes what was started', 130)
  return status === 0
}

/** What a command of Docker prints; undefined when it fails. */
function ask(...args) {
  const { status, stdout } = spawnSync('docker', args, { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

function fail(message, exitCode = 1) {
  process.stderr.write(`stack: ${message}\n`)
  process.exit(exitCode)
}
