import { isTracked, preparedStatementSupport, type Profile } from '../profile.ts'

interface Hit {
  readonly ruleId: string
  readonly severity: 'error' | 'warning'
  readonly confidence: 'high' | 'medium' | 'low'
  readonly subject: string
  readonly message: string
}

type Row = Readonly<Record<string, unknown>>

export interface LiveCheck {
  readonly source: string
  readonly sql: string
  judge(row: Row, profile: Profile): Hit[]
}

const sessionLocks: LiveCheck = {
  source: 'pg_locks',
  // A backend outside any transaction can hold only locks of its session.
  sql: `SELECT l.pid, a.usename, a.application_name, count(*) AS locks
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND a.xact_start IS NULL AND l.pid <> pg_backend_pid()
    GROUP BY 1, 2, 3`,
  judge: (row) => [
    {
      ruleId: 'PGB010',
      severity: 'error',
      confidence: 'high',
      subject: `backend ${String(row['pid'])} (${String(row['usename'])}, ${String(row['application_name'])})`,
      message: `Holds ${String(row['locks'])} advisory locks outside any transaction, so they belong to its session`,
    },
  ],
}

const temporaryTables: LiveCheck = {
  source: 'pg_class',
  sql: `SELECT n.nspname, c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relpersistence = 't' AND c.relkind IN ('r', 'v', 'S', 'p') AND n.nspname LIKE 'pg\\_temp\\_%'`,
  judge: (row) => [
    {
      ruleId: 'PGB040',
      severity: 'warning',
      confidence: 'medium',
      subject: `${String(row['nspname'])}.${String(row['relname'])}`,
      message:
        'A temporary object exists now; it breaks if its backend belongs to PgBouncer and its transaction is over',
    },
  ],
}

const preparedStatements: LiveCheck = {
  source: 'pg_prepared_statements',
  // Only the backend that answers shows its own; through PgBouncer that is a pooled one.
  sql: 'SELECT name, statement, from_sql FROM pg_prepared_statements',
  judge: (row, profile) => {
    const fromSql = row['from_sql'] === true
    if (!fromSql && preparedStatementSupport(profile) === 'works') return []
    return [
      {
        ruleId: fromSql ? 'PGB030' : 'PGB031',
        severity: fromSql ? 'error' : 'warning',
        confidence: 'high',
        subject: String(row['name']),
        message: `This backend has a statement prepared ${fromSql ? 'in SQL' : 'by a driver'}`,
      },
    ]
  },
}

const cursors: LiveCheck = {
  source: 'pg_cursors',
  sql: "SELECT name, is_holdable FROM pg_cursors WHERE is_holdable AND name <> ''",
  judge: (row) => [
    {
      ruleId: 'PGB041',
      severity: 'error',
      confidence: 'high',
      subject: String(row['name']),
      message: 'This backend has a cursor WITH HOLD',
    },
  ],
}

const listeners: LiveCheck = {
  source: 'pg_stat_activity',
  sql: `SELECT pid, usename, application_name, query FROM pg_stat_activity
    WHERE state = 'idle' AND query ~* '^\\s*LISTEN\\y' AND pid <> pg_backend_pid() AND datname = current_database()`,
  judge: (row) => [
    {
      ruleId: 'PGB020',
      severity: 'warning',
      confidence: 'medium',
      subject: `backend ${String(row['pid'])} (${String(row['usename'])}, ${String(row['application_name'])})`,
      message: 'Its last statement was LISTEN; it must not come through PgBouncer',
    },
  ],
}

/** Settings of roles and databases hold on every backend, which is what session SETs should become. */
const storedSettings: LiveCheck = {
  source: 'pg_db_role_setting',
  sql: `SELECT coalesce(r.rolname, '') AS role, coalesce(d.datname, '') AS database, unnest(s.setconfig) AS setting
    FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase`,
  judge: (row, profile) => {
    const [name = ''] = String(row['setting']).split('=')
    // PgBouncer sets a tracked parameter to the client's value, which undoes the stored one.
    if (!isTracked(name, profile)) return []
    const where = [row['role'], row['database']].filter((each) => each !== '').join(' in ')
    return [
      {
        ruleId: 'PGB001',
        severity: 'warning',
        confidence: 'low',
        subject: where,
        message: `${name} is stored here, and PgBouncer overrides it with the value of each client that sends one`,
      },
    ]
  },
}

export const LIVE_CHECKS: readonly LiveCheck[] = [
  sessionLocks,
  temporaryTables,
  preparedStatements,
  cursors,
  listeners,
  storedSettings,
]
