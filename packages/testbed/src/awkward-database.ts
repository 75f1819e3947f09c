import { fileURLToPath } from 'node:url'

/**
 * A psql script that fills a database with what real ones have and dumps get wrong: every built-in
 * type at its edges, odd names, odd shapes of tables, every kind of object. Needs a superuser.
 */
export const awkwardSqlFile: string = fileURLToPath(new URL('../data/awkward.sql', import.meta.url))
