/** Database libraries, as far as their use differs to PgBouncer. */
export type Driver =
  | 'pg'
  | 'postgres.js'
  | 'bun'
  | 'pg-promise'
  | 'pg-cursor'
  | 'drizzle'
  | 'kysely'
  | 'knex'
  | 'prisma'
  | 'sequelize'
  | 'typeorm'
  | 'mikro-orm'
  | 'slonik'
  | 'pg-listen'
  | 'listener'
  | 'replication'
  | 'session-lock'
  | 'node-pg-migrate'
  | 'postgres-http'
  | 'other-database'

const PACKAGES: readonly (readonly [RegExp, Driver])[] = [
  [
    /^(?:pg|pg-pool|pg-native|@vercel\/postgres|@neondatabase\/serverless|@types\/pg|@prisma\/pg-worker)$/,
    'pg',
  ],
  [/^postgres$/, 'postgres.js'],
  [/^bun$/, 'bun'],
  [/^pg-promise$/, 'pg-promise'],
  [/^(?:pg-cursor|pg-query-stream)$/, 'pg-cursor'],
  [
    /^drizzle-orm\/(?:mysql|sqlite|better-sqlite|libsql|d1|planetscale|tidb|singlestore|expo|op-sqlite|bun-sqlite|durable|sql-js|gel)/,
    'other-database',
  ],
  [/^drizzle-orm(?:\/|$)/, 'drizzle'],
  [/^kysely$/, 'kysely'],
  [/^knex$/, 'knex'],
  [/^(?:@prisma\/client(?:\/.*)?|\.prisma\/client)$/, 'prisma'],
  [/^(?:sequelize|sequelize-typescript|@sequelize\/.+)$/, 'sequelize'],
  [/^(?:typeorm|@nestjs\/typeorm)$/, 'typeorm'],
  [/^@mikro-orm\/(?:postgresql|core|nestjs|knex|migrations|sql)$/, 'mikro-orm'],
  [/^slonik$/, 'slonik'],
  [/^pg-listen$/, 'pg-listen'],
  [
    /^(?:pg-pubsub|graphql-postgres-subscriptions|pg-ipc|@socket\.io\/postgres-(?:adapter|emitter)|pg-notify|@imqueue\/pg-pubsub)$/,
    'listener',
  ],
  [/^pg-logical-replication$/, 'replication'],
  [/^(?:advisory-lock|pg-advisory-lock|node-postgres-advisory-lock)$/, 'session-lock'],
  [/^node-pg-migrate$/, 'node-pg-migrate'],
  [
    /^(?:better-sqlite3|sqlite3?|@libsql\/.+|bun:sqlite|node:sqlite|expo-sqlite|sql\.js|@op-engineering\/op-sqlite|react-native-sqlite.*|mysql2?(?:\/promise)?|mariadb|mssql|tedious|oracledb|@clickhouse\/.+|clickhouse|duckdb.*|@duckdb\/.+|snowflake-sdk|cassandra-driver|@google-cloud\/(?:bigquery|spanner)|@planetscale\/database|@mikro-orm\/(?:mysql|mariadb|sqlite|libsql|better-sqlite|mongodb|mssql)|@cloudflare\/workers-types|wa-sqlite|@databricks\/sql|better-sqlite3-multiple-ciphers|alasql)$/,
    'other-database',
  ],
  [/^@electric-sql\/pglite/, 'other-database'],
]

/** The driver that a module specifier means. */
export function driverOfPackage(specifier: string): Driver | undefined {
  return PACKAGES.find(([pattern]) => pattern.test(specifier))?.[1]
}

/** Types that name a connection by themselves, wherever they are imported from. */
const TYPES: readonly (readonly [RegExp, Driver, Role])[] = [
  [/^(?:Pool|PgPool|pg\.Pool|NeonPool)$/, 'pg', 'pool'],
  [
    /^(?:PoolClient|PgClient|pg\.PoolClient|pg\.Client|ClientBase|pg\.ClientBase|PgPoolClient)$/,
    'pg',
    'client',
  ],
  [/^(?:TransactionSql|postgres\.TransactionSql|ReservedSql)$/, 'postgres.js', 'transaction'],
  [/^(?:postgres\.Sql|Sql|PostgresSql)$/, 'postgres.js', 'pool'],
  [
    /^(?:Knex\.Transaction|Transaction<|Prisma\.TransactionClient|TransactionClient|PrismaTransactionClient)/,
    'knex',
    'transaction',
  ],
  [
    /^(?:PgTransaction|DrizzleTransaction|DatabaseTransactionConnection(?:Type)?|DatabaseTransaction|Transaction|Tx|DbTransaction|TransactionType)$/,
    'drizzle',
    'transaction',
  ],
  [/^Knex$/, 'knex', 'pool'],
  [/^Kysely$/, 'kysely', 'pool'],
  [/^(?:PrismaClient|PrismaService)$/, 'prisma', 'pool'],
  [/^(?:DataSource|TypeOrmDataSource)$/, 'typeorm', 'pool'],
  [/^(?:EntityManager|QueryRunner|SqlEntityManager)$/, 'typeorm', 'client'],
  [/^(?:MigrationBuilder)$/, 'node-pg-migrate', 'transaction'],
  [/^Sequelize$/, 'sequelize', 'pool'],
  [/^(?:NodePgDatabase|NeonDatabase|PgDatabase|PostgresJsDatabase)$/, 'drizzle', 'pool'],
  [/^(?:DatabasePool|DatabasePoolType)$/, 'slonik', 'pool'],
  [
    /^(?:BetterSQLite3Database|D1Database|SQLiteDatabase|LibSQLDatabase|MySql2Database|BunSQLiteDatabase|DatabaseSync)$/,
    'other-database',
    'pool',
  ],
]

/**
 * What a value is: the library itself, something that takes any backend for each statement
 * (`pool`), a checked-out connection (`client`), a transaction, or a query being built.
 */
export type Role = 'module' | 'pool' | 'client' | 'transaction' | 'query'

export function driverOfType(name: string): { driver: Driver; role: Role } | undefined {
  const found = TYPES.find(([pattern]) => pattern.test(name))
  return found === undefined ? undefined : { driver: found[1], role: found[2] }
}
