import { fileStore } from '@ops/object-store'
import { verifyRestore, type VerifyRestoreOptions } from '../src/verify-restore.ts'

/** Drills, and says so when the given phase begins, to be killed then: it stands still there, or goes on. */
const [, , store, options, phase, then] = process.argv
await verifyRestore({
  ...(JSON.parse(options!) as Omit<VerifyRestoreOptions, 'store'>),
  store: fileStore({ folder: store! }),
  record: false,
  onProgress: (progress) => {
    if (progress.phase !== phase) return
    process.stdout.write('now\n')
    if (then === 'stand still') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  },
})
