import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest'
import {
  needs,
  startPgBouncer,
  startPostgres,
  type PgBouncer,
  type Postgres,
  type ServerMode,
} from '@ops/testbed'
import { auditSource } from '../src/audit-source.ts'
import type { ProfileInput } from '../src/profile.ts'
import { runExample } from './example-runner.ts'
import { PRELUDE, readRulePages } from './rule-pages.ts'

/** More code, some of which breaks on some versions only; judged like the pages' own. */
const MORE_EXAMPLES = [
  {
    ruleId: 'PGB004',
    what: 'SET SESSION AUTHORIZATION',
    breaks: `await alice.query('SET SESSION AUTHORIZATION app_reader')
      await bob.query('BEGIN')
      const { rows } = await bob.query('SELECT session_user::text AS role')
      assert.equal(rows[0].role, 'app_reader')`,
  },
  {
    ruleId: 'PGB001',
    what: 'IntervalStyle',
    breaks: leak("SET IntervalStyle = 'sql_standard'", 'IntervalStyle', 'sql_standard'),
  },
  {
    ruleId: 'PGB001',
    what: 'TimeZone',
    breaks: leak("SET TimeZone = 'Asia/Tokyo'", 'TimeZone', 'Asia/Tokyo'),
  },
  {
    ruleId: 'PGB001',
    what: 'default_transaction_read_only',
    breaks: leak('SET default_transaction_read_only = on', 'transaction_read_only', 'on'),
  },
  {
    ruleId: 'PGB005',
    what: 'READ ONLY',
    breaks: leak('SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY', 'transaction_read_only', 'on'),
  },
  {
    ruleId: 'PGB050',
    what: 'options with a tracked parameter',
    breaks: refused("options: '-c timezone=UTC'"),
  },
  { ruleId: 'PGB050', what: 'options with another parameter', breaks: refused("options: '-c work_mem=1MB'") },
  {
    ruleId: 'PGB031',
    what: 'Drizzle over node-postgres',
    breaks: `const db = drizzle(alice)
      const prepared = db.select({ id: ordersTable.id }).from(ordersTable).prepare('all_orders')
      await prepared.execute()
      await bob.query('BEGIN')
      await assert.rejects(prepared.execute())`,
  },
]

function leak(statement: string, setting: string, value: string): string {
  return `await alice.query("${statement}")
    await bob.query('BEGIN')
    const { rows } = await bob.query('SHOW ${setting}')
    assert.equal(Object.values(rows[0])[0], '${value}')`
}

function refused(option: string): string {
  return `const client = new pg.Client({ connectionString: url, ${option} })
    await assert.rejects(client.connect(), /unsupported startup parameter/)`
}

export interface Server {
  readonly mode: ServerMode
  readonly version: string
  /** `undefined`: the server is left at its default. */
  readonly maxPreparedStatements?: number
  /** Why it cannot be started on this machine. */
  readonly missing?: string
}

/**
 * Runs both examples of every rule page against one PgBouncer. Where the rule reports the breaking
 * one under this server's profile, it must break; where the rule is silent, it must not.
 */
export function describeRuleExamples(server: Server): void {
  const { maxPreparedStatements } = server
  const settings =
    maxPreparedStatements === undefined
      ? 'default settings'
      : `max_prepared_statements ${maxPreparedStatements}`
  describe(`rule examples on PgBouncer ${server.version}, ${settings}`, () => {
    let postgres: Postgres
    let pgbouncer: PgBouncer
    let profile: ProfileInput

    const present = (context: TestContext): void =>
      needs(context, server.missing === undefined, server.missing ?? '')

    beforeAll(async () => {
      if (server.missing !== undefined) return
      postgres = await startPostgres({ mode: server.mode })
      pgbouncer = await startPgBouncer({
        mode: server.mode,
        version: server.version,
        postgres,
        settings: {
          pool_mode: 'transaction',
          // With it, whoever waits longest is served next: examples run the same way each time.
          server_round_robin: '1',
          ...(maxPreparedStatements === undefined
            ? {}
            : { max_prepared_statements: String(maxPreparedStatements) }),
        },
      })
      profile = {
        version: pgbouncer.version,
        ...(maxPreparedStatements === undefined ? {} : { maxPreparedStatements }),
      }
    })
    afterAll(async () => {
      await pgbouncer?.stop()
      await postgres?.stop()
    })

    it('is the version it is meant to be', (context) => {
      present(context)
      expect(pgbouncer.version).toContain(server.version)
    })

    for (const { ruleId, what, breaks } of MORE_EXAMPLES) {
      it(`${ruleId}, ${what}: reported exactly where it breaks`, async (context) => {
        present(context)
        const reported = await reports(breaks, ruleId, profile)
        const broken = await outcome(runExample(breaks, postgres, pgbouncer))
        expect({ reported, broke: broken === undefined, broken }).toMatchObject({ broke: reported })
      })
    }

    for (const page of readRulePages()) {
      it(`${page.ruleId}: what it reports breaks, and what it does not report works`, async (context) => {
        present(context)
        const reported = await reports(page.breaks, page.ruleId, profile)
        const broken = await outcome(runExample(page.breaks, postgres, pgbouncer))
        expect({ reported, broke: broken === undefined, broken }).toMatchObject({ reported, broke: reported })
      })

      it(`${page.ruleId}: its remedy works and is not reported`, async (context) => {
        present(context)
        expect(await reports(page.works, page.ruleId, profile)).toBe(false)
        expect(await outcome(runExample(page.works, postgres, pgbouncer))).toBeUndefined()
      })
    }
  })
}

async function reports(code: string, ruleId: string, profile: ProfileInput): Promise<boolean> {
  const { findings } = await auditSource({
    files: [{ path: 'example.mjs', source: PRELUDE + code }],
    profile,
  })
  return findings.some((finding) => finding.ruleId === ruleId)
}

/** `undefined` when all assertions of the example held. */
async function outcome(run: Promise<void>): Promise<string | undefined> {
  try {
    await run
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
