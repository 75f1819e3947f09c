/**
 * One small port to where backups live: S3 and its compatibles, or a folder.
 * @module @ops/object-store
 */
export type {
  DeleteResult,
  GetOptions,
  ListOptions,
  ObjectInfo,
  ObjectStore,
  PendingUpload,
  PutOptions,
  PutResult,
  SignalOption,
  StoreCapabilities,
} from './object-store.ts'
export { isObjectStoreError, ObjectStoreError, objectStoreErrorCodes } from './object-store-error.ts'
export type { ObjectStoreErrorCode, ObjectStoreErrorDetails } from './object-store-error.ts'
export { fileStore } from './file-store.ts'
export type { FileStoreOptions } from './file-store.ts'
export { s3Store } from './s3-store.ts'
export type { S3StoreOptions } from './s3-store.ts'
export type { Logger } from './logger.ts'
export { openStore } from './open-store.ts'
export type { OpenedStore, OpenStoreOptions, S3Access } from './open-store.ts'
