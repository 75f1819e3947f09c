// Probes over and over, by itself and as an exporter, and says after each round what memory is left
// in use: one line of JSON. Needs --expose-gc. PORT is a TLS server's, ROUNDS and PROBES are numbers.
import { setTimeout as sleep } from 'node:timers/promises'
import { createExporter } from '../../src/exporter.ts'
import { createTlsSettings } from '../../src/tls-settings.ts'
import { defaultModules } from '../../src/modules.ts'
import { probeMany } from '../../src/probe-many.ts'
import { createTrustStore } from '../../src/trust.ts'

const [port, rounds, probes] = ['PORT', 'ROUNDS', 'PROBES'].map((name) => Number(process.env[name]))
const target = `localhost:${port}`
const trust = createTrustStore({ caPem: process.env['CA'] })
const tls = createTlsSettings()
await using exporter = createExporter({
  port: 0,
  targets: [target],
  modules: await defaultModules(trust),
})
const address = await exporter.start()

for (let round = 0; round < rounds!; round += 1) {
  // Nothing listens on port 1, so every eighth probe fails.
  const targets = Array.from({ length: probes! }, (_, index) => (index % 8 === 7 ? '127.0.0.1:1' : target))
  const reports = await probeMany(targets, { trust, tls, ipPreference: 'ip4', concurrency: 50 })
  const fine = reports.filter((report) => report.status === 'ok').length
  for (let scrape = 0; scrape < probes! / 20; scrape += 1)
    await (await fetch(`http://127.0.0.1:${address.port}/probe?module=tcp&target=${target}`)).text()
  process.stdout.write(`${JSON.stringify({ fine, ...(await memoryInUse()) })}\n`)
}

/** After the last connections are closed and everything is collected that can be. */
async function memoryInUse(): Promise<{ heapBytes: number; rssBytes: number }> {
  for (let turn = 0; turn < 5; turn += 1) {
    await sleep(300)
    globalThis.gc!()
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heapBytes: heapUsed + external, rssBytes: rss }
}
