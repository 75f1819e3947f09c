/** `hold-lease.ts <store url> <database>`: waits for the lease, says that it has it, and keeps it until it is killed. */
import { openStore } from '@ops/object-store'
import { newBackupId } from '../src/backup-set.ts'
import { acquireLease, backupLease } from '../src/lease.ts'

const [url, database] = process.argv.slice(2)
await acquireLease({
  store: await openStore(url!),
  subject: backupLease({ cluster: 'main', database: database!, id: newBackupId(new Date()) }),
  ttlMs: 10_000,
  clockSkewMs: 1000,
  waitMs: 600_000,
})
process.stdout.write('held\n')
