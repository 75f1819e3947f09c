#!/usr/bin/env node
import { runCli } from '@ops/internal-cli'
import { addLive } from './commands/live.ts'
import { addSource } from './commands/source.ts'
import { PACKAGE_VERSION } from './version.ts'

runCli(import.meta.url, {
  name: 'pgbouncer-audit',
  version: PACKAGE_VERSION,
  description: 'Finds what breaks behind PgBouncer in transaction mode.',
  usageCodes: ['AUDIT_PATH_NOT_FOUND', 'AUDIT_BAD_BASELINE', 'AUDIT_BAD_PROFILE'],
  build(program, context) {
    addSource(program, context)
    addLive(program, context)
    program.addHelpText(
      'after',
      `
A finding is accepted by a comment with a reason, on its line or the line before:
  // pgbouncer-audit-ignore PGB010: one worker, with a connection of its own

Exit codes: 0 done, 1 failed, 2 bad usage, 3 findings at or above --fail-on,
130 or 143 stopped by a signal.

Examples:
  $ pgbouncer-audit
  $ pgbouncer-audit apps/api --pgbouncer-version 1.24 --format sarif > audit.sarif
  $ pgbouncer-audit --pgbouncer-ini /etc/pgbouncer/pgbouncer.ini --pgbouncer-version 1.18
  $ pgbouncer-audit --write-baseline audit-baseline.json
  $ pgbouncer-audit --baseline audit-baseline.json --fail-on warning
  $ DATABASE_URL=postgres://db.internal/app pgbouncer-audit live`,
    )
  },
})
