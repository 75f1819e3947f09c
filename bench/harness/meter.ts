// Loaded before a program: writes what the process has used to OPS_METER_FILE when it ends.
import { writeFileSync } from 'node:fs'

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  const used = { cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakMiB: maxRSS / 1024 }
  writeFileSync(process.env['OPS_METER_FILE']!, JSON.stringify(used))
})
