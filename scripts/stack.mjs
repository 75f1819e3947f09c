// `npm run stack` brings the whole system up with Docker Compose, and `npm run stack -- down` takes it away again,
// with its data, its images and its secrets. Needs Docker with Compose 2.24, and nothing that has to be installed first.
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const docker = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docker')
const [command = 'up', ...extra] = process.argv.slice(2)

if (extra.length > 0 || !['up', 'down'].includes(command)) fail('usage: npm run stack [-- up|down]', 2)
if (spawnSync('docker', ['compose', 'version'], { stdio: 'ignore' }).status !== 0)
  fail('Docker with Compose does not answer: install both, start the engine, and run this command again')

if (command === 'up') up()
else down()

function up() {
  compose('build')
  compose('up', '--detach', '--wait', '--wait-timeout', '300')
  process.stdout.write(
    [
      'The stack is up:',
      `  demo API        https://api.localhost:${port('HTTPS', 8443)}/notes   (certificate: docker/secrets/ca.crt)`,
      `  status          http://127.0.0.1:${port('WORKER', 8080)}/`,
      `  Prometheus      http://127.0.0.1:${port('PROMETHEUS', 9090)}/alerts`,
      `  Alertmanager    http://127.0.0.1:${port('ALERTMANAGER', 9093)}/`,
      `  PostgreSQL      127.0.0.1:${port('POSTGRES', 5432)}, through PgBouncer 127.0.0.1:${port('PGBOUNCER', 6432)}`,
      '  passwords       docker/secrets/',
      'npm run stack -- down removes all of it, data included.',
      '',
    ].join('\n'),
  )
}

function down() {
  compose('--profile', '*', 'down', '--volumes', '--remove-orphans', '--rmi', 'all')
  const secrets = process.env.OPS_SECRETS ?? join(docker, 'secrets')
  for (const name of readdirSync(secrets)) {
    if (name !== '.gitignore') rmSync(join(secrets, name))
  }
}

function port(name, usual) {
  return process.env[`OPS_${name}_PORT`] ?? usual
}

function compose(...args) {
  const result = spawnSync('docker', ['compose', '--file', join(docker, 'compose.yaml'), ...args], {
    stdio: 'inherit',
  })
  if (result.status !== 0)
    fail(
      `docker compose ${args.join(' ')} failed; docker compose --file docker/compose.yaml ps --all shows what runs`,
    )
}

function fail(message, exitCode = 1) {
  process.stderr.write(`stack: ${message}\n`)
  process.exit(exitCode)
}
