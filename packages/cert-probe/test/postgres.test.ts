import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  MissingServerError,
  needs,
  startPgBouncer,
  startPostgres,
  type PgBouncer,
  type Postgres,
} from '@ops/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { probe } from '../src/probe.ts'
import { createTrustStore, type TrustStore } from '../src/trust.ts'

describe('PostgreSQL and PgBouncer', () => {
  let postgres: Postgres | undefined
  let pgBouncer: PgBouncer | undefined
  let missing = ''
  let trust: TrustStore

  beforeAll(async () => {
    try {
      postgres = await startPostgres({ mode: 'local', ssl: true })
      trust = createTrustStore({ caPem: await readFile(postgres.caFile!, 'utf8') })
      const certificate = join(postgres.dataFolder!, 'server.crt')
      const key = join(postgres.dataFolder!, 'server.key')
      const settings = {
        client_tls_sslmode: 'allow',
        client_tls_cert_file: certificate,
        client_tls_key_file: key,
      }
      pgBouncer = await startPgBouncer({ mode: 'local', postgres, settings })
      // The testbed itself speaks to it without TLS, so that is demanded only from here on.
      const ini = await readFile(pgBouncer.iniPath, 'utf8')
      await writeFile(
        pgBouncer.iniPath,
        ini.replace('client_tls_sslmode = allow', 'client_tls_sslmode = require'),
      )
      await pgBouncer.reload()
    } catch (error) {
      if (!(error instanceof MissingServerError)) throw error
      missing = error.message
    }
  })
  afterAll(async () => {
    await pgBouncer?.stop()
    await postgres?.stop()
  })

  it('presents its certificate when asked for TLS', async (context) => {
    needs(context, postgres !== undefined, missing)
    const report = await probe(`postgres://127.0.0.1:${postgres!.port}`, { trust })
    expect(report).toMatchObject({
      target: `postgres://127.0.0.1:${postgres!.port}`,
      endpoints: [{ verdict: { isTrusted: true } }],
    })
    expect(report.endpoints[0]!.failure).toBeUndefined()
    expect(report.endpoints[0]!.timings.startTlsMs).toBeGreaterThan(0)
  })

  it('leaves no complaint in the log of the server', async (context) => {
    needs(context, postgres !== undefined, missing)
    const before = (await postgres!.logText()).length
    await probe(`postgres://127.0.0.1:${postgres!.port}`, { trust })
    // A line of the server's own says when it is done with the connection.
    await postgres!.query("DO $$ BEGIN RAISE LOG 'after the probe'; END $$")
    const lines = (await postgres!.logText()).slice(before)
    expect(lines).toContain('after the probe')
    expect(lines).not.toMatch(/FATAL|invalid|unsupported frontend protocol|could not receive data/)
  })

  it('says so on a Unix socket, where PostgreSQL never offers TLS', async (context) => {
    needs(context, postgres !== undefined, missing)
    const path = join(postgres!.socketFolder!, `.s.PGSQL.${postgres!.port}`)
    const report = await probe(`postgres+unix:${path}`, { trust })
    expect(report).toMatchObject({
      status: 'unknown',
      endpoints: [{ failure: { phase: 'starttls', code: 'starttls-refused' } }],
    })
  })

  it('is probed through PgBouncer too', async (context) => {
    needs(context, pgBouncer !== undefined, missing)
    const report = await probe(`postgres://localhost:${pgBouncer!.port}`, { trust, ipPreference: 'ip4' })
    expect(report.endpoints).toMatchObject([{ verdict: { isTrusted: true }, tls: { protocol: 'TLS 1.3' } }])
    expect(report.endpoints[0]!.failure).toBeUndefined()
  })
})
