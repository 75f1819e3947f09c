import { startPostgres } from '@ops/testbed'
import { createBackup } from './src/create-backup.ts'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { connectionTo, temporaryStore } from './test/harness.ts'
const recipient = await identityToRecipient(await generateX25519Identity())
await using server = await startPostgres()
await server.createDatabase('app')
for (const t of ['a', 'b', 'c', 'd'])
  await server.query(`CREATE TABLE ${t} AS SELECT i AS id, 'customer ' || i % 9973 AS name, md5(i::text) AS token, now() - i * interval '1 second' AS at, (random()*1e6)::int AS amount, 'a note that says ' || (i % 977) || ' things about order ' || i AS note FROM generate_series(1, 1000000) i`, 'app')
const forms = { plain: {}, encrypted: { encryption: { recipients: [recipient] } }, 'jobs 2': { jobs: 2 }, 'jobs 2 encrypted': { jobs: 2, encryption: { recipients: [recipient] } } }
const times: Record<string, number[]> = {}
for (let round = 0; round < 4; round++) for (const [name, form] of Object.entries(forms)) {
  await using place = await temporaryStore()
  const t = performance.now(); const cpu = process.cpuUsage()
  const { manifest } = await createBackup({ store: place.store, connection: connectionTo(server, 'app'), ...form })
  const c = process.cpuUsage(cpu)
  ;(times[name] ??= []).push(performance.now() - t)
  console.log(name, Math.round(performance.now() - t), 'ms', Math.round((c.user + c.system) / 1000), 'cpu ms', Math.round(manifest.objects.reduce((s, o) => s + o.rawBytes, 0) / 1e6), 'MB raw', Math.round(manifest.objects.reduce((s, o) => s + o.storedBytes, 0) / 1e6), 'MB stored', 'maxrss', Math.round(process.resourceUsage().maxRSS / 1024))
}
for (const [name, all] of Object.entries(times)) console.log(name, 'best', Math.round(Math.min(...all)), 'median', Math.round(all.toSorted((a, b) => a - b)[2]!))
