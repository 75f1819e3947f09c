#!/usr/bin/env node
import { runCli } from '@ops/internal-cli'
import { addHistory } from './commands/history.ts'
import { addReport } from './commands/report.ts'
import { addRun } from './commands/run.ts'
import { PACKAGE_VERSION } from './version.ts'

runCli(import.meta.url, {
  name: 'restore-verify',
  version: PACKAGE_VERSION,
  description: 'Restore drills: proves that a PostgreSQL backup restores, to the content.',
  usageCodes: ['BACKUP_BAD_OPTIONS', 'STORE_BAD_URL', 'VERIFY_BAD_OPTIONS'],
  build(program, context) {
    addRun(program, context)
    addHistory(program, context)
    addReport(program, context)
    program.addHelpText(
      'after',
      `
Without --target, the drill starts an ephemeral PostgreSQL of the backup's own version from the
programs on this machine: it listens on no network, and is removed afterwards. With --target server,
the server is the one of --host, --port and --username, DRILL_DATABASE_URL or the PG* variables, and
the role must be allowed to create databases.

Exit codes: 0 proven, 1 could not run, 2 bad usage, 3 disproven, 130 or 143 stopped by a signal.

Examples:
  $ restore-verify run --of app --store file:///var/backups/postgres --html drill.html
  $ restore-verify run --of app --sample-days 7 --rpo 26h --rto 2h
  $ restore-verify history --of app
  $ restore-verify report --of app --id latest --junit drill.xml`,
    )
  },
})
