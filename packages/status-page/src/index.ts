/** The status page: what an operator wants to see at a glance, as HTML and as JSON. */
export {
  createStatusHandler,
  type DrillRef,
  type StatusHandler,
  type StatusHandlerOptions,
} from './handler.ts'
export { certificateStatus } from './certificate-status.ts'
export { keepFor } from './keep-for.ts'
export { watchPooler, type WatchedPooler } from './pooler-status.ts'
export { type BasicCredentials } from './basic-auth.ts'
export { findProblems, type Finding } from './findings.ts'
export { renderStatusPage } from './page.ts'
export {
  readStoreStatus,
  type StoreStatus,
  type ReadStoreStatusOptions,
  type WatchedDatabase,
} from './store-status.ts'
export { runningJobs } from './running-jobs.ts'
export { statusDocument, type StatusDocument } from './status-document.ts'
export { statusSchema } from './status-schema.ts'
export type * from './status.ts'
