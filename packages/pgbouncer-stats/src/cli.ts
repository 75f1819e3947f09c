#!/usr/bin/env node
import { runCli } from '@ops/internal-cli'
import packageJson from '../package.json' with { type: 'json' }
import { addConfigCommands } from './cli-config.ts'
import { addLiveCommands } from './cli-live.ts'
import { addServeCommand } from './cli-serve.ts'

runCli(import.meta.url, {
  name: 'pgbouncer-stats',
  version: packageJson.version,
  description: 'Reads PgBouncer, exports it to Prometheus, diagnoses it, lints and sizes its configuration.',
  usageCodes: ['PGBOUNCER_BAD_CONNECTION', 'PGBOUNCER_BAD_OPTIONS'],
  build: (program, context) => {
    addLiveCommands(program, context)
    addServeCommand(program, context)
    addConfigCommands(program, context)
    program.addHelpText(
      'after',
      `
The connection comes from --url, PGBOUNCER_URL, or libpq's PGHOST, PGPORT, PGUSER and PGPASSWORD:
  PGBOUNCER_URL='postgres://stats@db:6432/pgbouncer?sslmode=verify-full' pgbouncer-stats diagnose
A password belongs in PGPASSWORD, in a password file (~/.pgpass), or in PGBOUNCER_URL; on the
command line every user of the machine could read it.

Exit codes: 0 done, 1 failed, 2 bad usage, 3 done with findings, 130 or 143 stopped by a signal.

Examples:
  $ pgbouncer-stats diagnose
  $ pgbouncer-stats serve --listen 127.0.0.1:9127
  $ pgbouncer-stats lint /etc/pgbouncer/pgbouncer.ini --json`,
    )
  },
})
