// Backs one database up, in a process of its own, and prints how much memory that process took at
// most and how much was stored. The database comes from PG* variables, credentials from AWS_* ones.
import { parseArgs } from 'node:util'
import { openStore } from '@ops/object-store'
import { createBackup } from '@ops/pg-backup'

const { values } = parseArgs({
  options: { store: { type: 'string', default: '' }, 'no-digest': { type: 'boolean', default: false } },
})
await using store = await openStore(values.store)
const { manifest } = await createBackup({ store, digest: !values['no-digest'] })
process.stdout.write(
  JSON.stringify({
    storedBytes: manifest.objects.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    peakBytes: process.resourceUsage().maxRSS * 1024,
  }),
)
