/**
 * Stands in for `pg_restore` where restoring so much would take too long: reads the archive to its end
 * as fast as it comes, or, asked for its schema, none of it.
 */
import { once } from 'node:events'

if (process.argv.includes('--version'))
  process.stdout.write(`pg_restore (PostgreSQL) ${process.env['OPS_FAKE_DUMP_VERSION']}\n`)
else if (!process.argv.includes('--schema-only')) {
  process.stdin.resume()
  await once(process.stdin, 'end')
}
process.exit()
