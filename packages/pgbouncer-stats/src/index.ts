/**
 * Read PgBouncer, find out what is wrong with it, size its pools, and check its configuration.
 * @module @ops/pgbouncer-stats
 */
export { generateAuthQuery, type AuthQueryOptions, type AuthQuerySetup } from './auth-query.ts'
export {
  checkPooling,
  type CheckPoolingOptions,
  type PoolingCheck,
  type PoolingReport,
} from './check-pooling.ts'
export { collectMetrics, type Collected, type CollectOptions, type Compat } from './collect-metrics.ts'
export {
  parseConfig,
  parseConnectString,
  type ParseConfigOptions,
  type ParsedConfig,
} from './config-parse.ts'
export {
  parseConnectionUrl,
  SSL_MODES,
  targetName,
  type ConnectionOptions,
  type SslMode,
} from './connection-options.ts'
export { describeSettings, type DescribedSetting, type TakesEffect } from './config-settings.ts'
export { openConsole, type ConsoleResult, type PgBouncerConsole, type QueryOptions } from './console.ts'
export { diagnose, type DiagnoseFacts, type Diagnosis } from './diagnose.ts'
export {
  isPgBouncerStatsError,
  PGBOUNCER_STATS_ERROR_CODES,
  PgBouncerStatsError,
  type PgBouncerStatsErrorCode,
  type PgBouncerStatsErrorDetails,
} from './error.ts'
export {
  lintConfig,
  type LintConfigOptions,
  type LintFacts,
  type LintFinding,
  type LintReport,
} from './lint-config.ts'
export { renderLintText, renderSarif } from './lint-report.ts'
export { loadConfig, type LoadConfigOptions, type LoadedConfig } from './load-config.ts'
export { renderText, type MetricFamily } from './metric-family.ts'
export type { PoolingClient, PoolingEndpoint } from './pooling-client.ts'
export { readPostgresLimits, type PostgresLimits } from './postgres-limits.ts'
export {
  readPgBouncer,
  type AdminClient,
  type ReadPgBouncerOptions,
  type ShowFailure,
  type Snapshot,
} from './read-pgbouncer.ts'
export { createExporter, type Exporter, type ExporterOptions } from './serve.ts'
export type { ShowName, ShowRows } from './show-commands.ts'
export { simulatePools, type SimulatePoolsInput, type SimulatePoolsResult } from './simulate-pools.ts'
export { sizePools, type SizePoolsInput, type SizePoolsResult, type SizeWarning } from './size-pools.ts'
export {
  checkUserlist,
  readCredentials,
  renderUserlist,
  writeUserlist,
  type Credential,
  type Queryable,
  type UserlistCheck,
  type UserSelection,
  type WriteUserlistResult,
} from './userlist.ts'
export { parseUserlist, type SecretKind, type UserlistEntry } from './userlist-parse.ts'
