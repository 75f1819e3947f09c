// One drill in a process of its own, so that its memory can be measured: drill-once.ts <store>
import { openStore } from '@ops/object-store'
import { verifyRestore } from '@ops/restore-verify'

await using store = await openStore(process.argv[2]!)
const { verdict, differences, phases } = await verifyRestore({
  store,
  database: 'shop',
  target: { kind: 'server' },
  record: false,
})
if (verdict !== 'proven') throw new Error(`the drill found ${differences.length} differences`)
process.stderr.write(
  `  ${phases.map(({ phase, durationMs }) => `${phase} ${(durationMs / 1000).toFixed(1)} s`).join(', ')}\n`,
)
process.stdout.write(JSON.stringify({ peakBytes: process.resourceUsage().maxRSS * 1024 }))
