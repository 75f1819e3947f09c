// The demo API. LISTEN_HOST (127.0.0.1), PORT (3000) and libpq's PG* variables; PGPASSWORD_FILE and PGSSLROOTCERT
// name files. POOL_MAX (10) is the application's own pool, in front of PgBouncer's.
import { readFileSync } from 'node:fs'
import { Pool } from 'pg'
import { Notes } from './notes.ts'
import { createApi } from './server.ts'

const env = process.env
const contents = (path: string): string => readFileSync(path, 'utf8').trim()

const pool = new Pool({
  max: Number(env['POOL_MAX'] ?? 10),
  connectionTimeoutMillis: 5000,
  ...(env['PGPASSWORD_FILE'] && { password: contents(env['PGPASSWORD_FILE']) }),
  ...(env['PGSSLROOTCERT'] && { ssl: { ca: contents(env['PGSSLROOTCERT']) } }),
})
// A connection that is lost while nobody uses it: the pool opens another one.
pool.on('error', (error) => process.stderr.write(`an idle connection was lost: ${error.message}\n`))

const server = createApi(new Notes(pool))
server.listen(Number(env['PORT'] ?? 3000), env['LISTEN_HOST'] ?? '127.0.0.1')

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => server.close(() => void pool.end()))
}
