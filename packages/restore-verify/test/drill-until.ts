import { readSync } from 'node:fs'
import { fileStore } from '@ops/object-store'
import { verifyRestore, type VerifyRestoreOptions } from '../src/verify-restore.ts'

/**
 * Drills, and says so and stands still when the given phase begins: to be killed then. A line on
 * standard input lets it go on.
 */
const [, , store, options, phase] = process.argv
let hasStood = false
await verifyRestore({
  ...(JSON.parse(options!) as Omit<VerifyRestoreOptions, 'store'>),
  store: fileStore({ folder: store! }),
  record: false,
  onProgress: (progress) => {
    if (progress.phase !== phase || hasStood) return
    hasStood = true
    process.stdout.write('now\n')
    readSync(0, Buffer.alloc(1))
  },
})
