import { digestDatabase } from '@ops/pg-backup'
import { startPostgres, type Postgres } from '@ops/testbed'
import { afterAll, beforeAll, expect, it } from 'vitest'

let server: Postgres
beforeAll(async () => {
  server = await startPostgres()
  await server.createDatabase('app')
  await server.query(
    `CREATE TABLE prices (net int, gross int GENERATED ALWAYS AS (net * 119 / 100) STORED);
     INSERT INTO prices (net) SELECT generate_series(1, 100);
     CREATE MATERIALIZED VIEW draws AS SELECT net, random() AS drawn FROM prices;
     CREATE EXTENSION file_fdw;
     CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
     CREATE FOREIGN TABLE hosts (line text) SERVER files OPTIONS (filename '/etc/hosts')`,
    'app',
  )
})
afterAll(() => server?.stop())

const digest = async (): Promise<Awaited<ReturnType<typeof digestDatabase>>['contents']> => {
  const { host, port, user, password } = server
  return (await digestDatabase({ connection: { host, port, user, password, database: 'app' } })).contents
}

it('DIGEST.md is right about what is not in a dump', { timeout: 300_000 }, async () => {
  const before = await digest()
  expect(before.tables.map(({ name, columns, rows }) => ({ name, columns, rows }))).toEqual([
    { name: 'prices', columns: '(net)', rows: 100 },
  ])
  await server.query('REFRESH MATERIALIZED VIEW draws', 'app')
  const after = await digest()
  expect(after.tables).toEqual(before.tables)
  expect(after.objects).toEqual(before.objects)
})
