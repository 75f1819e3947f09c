import { fileStore } from '@ops/object-store'
import { verifyRestore } from '../src/verify-restore.ts'

/** Drills, and says so and stands still when the given phase begins: to be killed then. */
const [, , store, folder, phase] = process.argv
await verifyRestore({
  store: fileStore({ folder: store! }),
  database: 'shop',
  target: { kind: 'local', folder },
  record: false,
  onProgress: (progress) => {
    if (progress.phase !== phase) return
    process.stdout.write('now\n')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  },
})
