#!/usr/bin/env node
import { runCli } from '@ops/internal-cli'
import { addCat } from './commands/cat.ts'
import { addCheck } from './commands/check.ts'
import { addCreateAll } from './commands/create-all.ts'
import { addCreate } from './commands/create.ts'
import { addList } from './commands/list.ts'
import { addRestore } from './commands/restore.ts'
import { addShow } from './commands/show.ts'
import { PACKAGE_VERSION } from './version.ts'

runCli(import.meta.url, {
  name: 'pg-backup',
  version: PACKAGE_VERSION,
  description: 'PostgreSQL backups that are proven, not presumed.',
  usageCodes: ['BACKUP_BAD_OPTIONS', 'STORE_BAD_URL'],
  build(program, context) {
    addCreate(program, context)
    addCreateAll(program, context)
    addList(program, context)
    addShow(program, context)
    addCheck(program, context)
    addCat(program, context)
    addRestore(program, context)
    program.addHelpText(
      'after',
      `
Where backups live (--store or OPS_STORE):
  s3://bucket/prefix?region=eu-central-1            Amazon S3; credentials from AWS_* as usual
  s3://bucket?endpoint=https://s3.example&pathStyle=true   any S3-compatible store
  file:///var/backups/postgres                      a local or NFS folder

Which database (flags over DATABASE_URL over PG* variables):
  --dbname app --host db.internal --username backup
  Passwords come from PGPASSWORD, ~/.pgpass or DATABASE_URL, never from a flag.

Exit codes: 0 done, 1 failed, 2 bad usage, 130 or 143 stopped by a signal.

Examples:
  $ pg-backup create --store file:///var/backups/postgres --dbname app
  $ pg-backup create-all --store file:///var/backups/postgres --exclude 'test_*' --wait
  $ pg-backup list --store file:///var/backups/postgres
  $ pg-backup restore latest --of app --store file:///var/backups/postgres --dbname app_2 --create`,
    )
  },
})
