// Does with every peer what the packages do with it. Runs where the packages are installed, not here.
import assert from 'node:assert/strict'
import { S3Client } from '@aws-sdk/client-s3'
import { s3Store } from '@ops/object-store'
import { createBackupMetrics } from '@ops/pg-backup/prometheus'
import { auditLive, readLiveProfile } from '@ops/pgbouncer-audit'
import { parseConnectionUrl, readPgBouncer, readPostgresLimits } from '@ops/pgbouncer-stats'
import { registerPgBouncerMetrics } from '@ops/pgbouncer-stats/prometheus'
import { createRestoreVerifyMetrics } from '@ops/restore-verify/prometheus'
import { createRetentionMetrics } from '@ops/s3-retention/prometheus'
import { inspectBucket } from '@ops/s3-retention/s3'
import { registerCertProbeMetrics } from '@ops/cert-probe/prometheus'
import * as successor from '@prometheus-io/client'
import pg from 'pg'
import * as promClient from 'prom-client'

const { BUCKET: bucket, DATABASE_URL, PGBOUNCER_URL, S3_ENDPOINT: endpoint } = process.env

await exerciseS3()
await exercisePostgres()
for (const client of [promClient, successor]) await exerciseMetrics(client)

/** In two parts, so that the multipart calls are made too. */
async function exerciseS3() {
  const client = new S3Client({ endpoint, forcePathStyle: true })
  const store = s3Store({ client, bucket })
  const body = Buffer.alloc(9 << 20, 'x')
  await store.put('folder/object', body, { sizeHintBytes: body.length })
  let bytes = 0
  for await (const chunk of await store.get('folder/object')) bytes += chunk.length
  assert.equal(bytes, body.length)
  const keys = []
  for await (const { key } of store.list()) keys.push(key)
  assert.deepEqual(keys, ['folder/object'])
  assert.ok((await inspectBucket({ client, bucket })) !== undefined)
  assert.deepEqual(await store.delete(keys), [{ key: 'folder/object', deleted: true }])
  client.destroy()
}

async function exercisePostgres() {
  const [direct, admin] = [DATABASE_URL, PGBOUNCER_URL].map(
    (connectionString) => new pg.Client({ connectionString }),
  )
  await direct.connect()
  await admin.connect()
  assert.ok((await readPostgresLimits(direct)).maxConnections > 0)
  assert.match((await readPgBouncer({ client: admin })).version, /^1\./)
  const profile = await readLiveProfile(admin)
  assert.deepEqual((await auditLive({ connection: direct, profile })).profile.poolMode, profile.poolMode)
  await direct.end()
  await admin.end()
}

async function exerciseMetrics(client) {
  const registry = new client.Registry()
  createBackupMetrics({ client, registry })
  createRestoreVerifyMetrics({ client, registry })
  createRetentionMetrics({ client, registry })
  registerCertProbeMetrics({ client, registry, monitor: { reports: () => [] } })
  const registered = registerPgBouncerMetrics({ registry, targets: parseConnectionUrl(PGBOUNCER_URL) })
  const text = await registry.metrics()
  registered.unregister()
  assert.match(text, /^pgbouncer_up 1$/m)
  for (const name of ['ops_backup_', 'ops_restore_verify_', 'ops_retention_', 'ops_cert_'])
    assert.match(text, new RegExp(`^# TYPE ${name}`, 'm'))
}
