#!/usr/bin/env node
import { createRequire } from 'node:module'
import { runCli } from '@ops/internal-cli'
import { addCheckCommand } from './cli-check.ts'
import { addServeCommand } from './cli-serve.ts'

const { version } = createRequire(import.meta.url)('../package.json') as { version: string }

runCli(import.meta.url, {
  name: 'cert-probe',
  version,
  description: 'When does which certificate expire, over every protocol and address.',
  usageCodes: [
    'CERT_PROBE_BAD_TARGET',
    'CERT_PROBE_BAD_CA_BUNDLE',
    'CERT_PROBE_BAD_CLIENT_CERTIFICATE',
    'CERT_PROBE_BAD_MODULES',
  ],
  build: (program, context) => {
    addCheckCommand(program, context)
    addServeCommand(program, context)
    program.addHelpText(
      'after',
      `
Exit codes: 0 all fine, 1 could not tell, 2 bad usage, 3 warning, 4 critical,
130 or 143 stopped by a signal.

Examples:
  $ cert-probe check example.com postgres://db.internal:5432
  $ cert-probe check --targets /etc/cert-probe/targets --json
  $ cert-probe serve --target example.com --listen 127.0.0.1:9115`,
    )
  },
})
