export { awkwardSqlFile } from './awkward-database.ts'
export { chromiumProgram, type ChromiumOptions, type ChromiumProgram } from './chromium.ts'
export { findPostgres, type PostgresInstallation } from './find-postgres.ts'
export { findProgram } from './find-program.ts'
export type { ServerMode } from './matrix.ts'
export { MissingServerError } from './missing-server.ts'
export { needs, needsCapability, type SkippableContext } from './needs.ts'
export { startPgBouncer, type PgBouncer, type PgBouncerOptions } from './pgbouncer.ts'
export type { PostgresQuery, Row } from './postgres-client.ts'
export { startReplica, type ReplicaOptions } from './postgres-replica.ts'
export { startPostgres, type Postgres, type PostgresOptions } from './postgres.ts'
export { startS3, type S3BucketOptions, type S3Capabilities, type S3Options, type S3Server } from './s3.ts'
export {
  createCertificate,
  createCertificateChain,
  createServerCertificate,
  type CertificateChain,
  type CertificateOptions,
  type KeyPair,
} from './pki.ts'
export { hasTerminal, startOnTerminal, type OnTerminal } from './terminal.ts'
export { startTlsServer, type TlsServer, type TlsServerOptions } from './tls-server.ts'
export { dockerAvailable } from './docker-available.ts'
export { PGBOUNCER_SUITES, POSTGRES_SUITES } from './matrix.ts'
export type { Cut, CutStyle, Direction } from './fault-link.ts'
export { startFaultProxy, type FaultProxy, type FaultProxyOptions } from './fault-proxy.ts'
export {
  ACCESS_DENIED,
  INTERNAL_ERROR,
  SLOW_DOWN,
  type ErrorAnswer,
  type RequestFault,
  type SeenRequest,
} from './fault-requests.ts'
