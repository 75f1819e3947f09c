import type { Readable } from 'node:stream'

/** What a store says of an object it holds. */
export interface ObjectInfo {
  readonly key: string
  /** Stored bytes. */
  readonly size: number
  readonly lastModified: Date
}

/** What is known of an object that was just put, after the store confirmed it. */
export interface PutResult {
  readonly key: string
  /** Bytes sent; the store reports the same size. */
  readonly size: number
  /** SHA-256 of the bytes sent, lower-case hex. */
  readonly sha256: string
  /** Bytes of every part but the last; absent for an object that went up in one request, and in a folder. */
  readonly partSizeBytes?: number
}

/** What every call that waits takes. */
export interface SignalOption {
  /** Stops the work; the promise then rejects with `signal.reason`, after cleaning up. */
  readonly signal?: AbortSignal
}

/** Options of {@link ObjectStore.put}. */
export interface PutOptions extends SignalOption {
  /**
   * An upper estimate of the body's size, from which the part size is chosen so that the store's
   * part limit is never met. Without it the body may have at most `maxParts` × 16 MiB.
   */
  readonly sizeHintBytes?: number
  /** @default 'application/octet-stream' */
  readonly contentType?: string
  /** Called with the bytes that the store has taken so far. */
  readonly onProgress?: (storedBytes: number) => void
}

/** Options of {@link ObjectStore.get}. */
export interface GetOptions extends SignalOption {
  /** Inclusive byte range, as in HTTP; without `end`, to the last byte. */
  readonly range?: { readonly start: number; readonly end?: number }
}

/** Options of {@link ObjectStore.list}. */
export interface ListOptions extends SignalOption {
  /** Only keys that begin with this. @default '' */
  readonly prefix?: string
}

/** An upload that was begun and neither completed nor aborted. */
export interface PendingUpload {
  readonly key: string
  /** Opaque; for `abortUpload`. */
  readonly uploadId: string
  readonly startedAt: Date
}

/** What became of one key that was to be deleted: gone, or why it is still there. */
export type DeleteResult =
  | { readonly key: string; readonly deleted: true }
  | { readonly key: string; readonly deleted: false; readonly code: string; readonly message: string }

/** What a store can do beyond the plain operations; found out by trying, never assumed. */
export interface StoreCapabilities {
  /** Of many concurrent `putIfAbsent` of one key exactly one wins. */
  readonly putIfAbsent: boolean
}

/**
 * Where objects live. Keys are relative to the store's prefix or folder: `/`-separated, without
 * empty, `.` or `..` segments, at most 1,024 bytes of UTF-8.
 *
 * Every method rejects with an `ObjectStoreError`, or with `signal.reason` when aborted.
 */
export interface ObjectStore {
  /** For people and logs: `s3://bucket/prefix` or `file:///path`. Never has credentials in it. */
  readonly url: string

  /**
   * Stores a body of unknown length under `key`, replacing what was there. The object appears whole
   * or not at all: when the body fails, when the store does, or when `signal` aborts, no object and
   * no part is left. After the upload the size and checksum that the store reports are compared with
   * what was sent.
   */
  put(
    key: string,
    body: Readable | AsyncIterable<Uint8Array> | Uint8Array,
    options?: PutOptions,
  ): Promise<PutResult>

  /**
   * Stores a small body under a key that must not exist yet. Resolves to false, and changes nothing,
   * when the key exists. Where the store cannot promise that, see `capabilities`, it rejects with
   * `STORE_UNSUPPORTED`.
   */
  putIfAbsent(
    key: string,
    body: Uint8Array,
    options?: SignalOption & { readonly contentType?: string },
  ): Promise<boolean>

  /** The object's bytes as a stream; rejects with `STORE_NOT_FOUND` when there is none. */
  get(key: string, options?: GetOptions): Promise<Readable>

  /** `undefined` when there is no such object. */
  head(key: string, options?: SignalOption): Promise<ObjectInfo | undefined>

  /** Objects in ascending order of their key's UTF-8 bytes, a page at a time. */
  list(options?: ListOptions): AsyncIterable<ObjectInfo>

  /** Deletes in batches; one result for each key, in the order given. A key that does not exist counts as deleted. */
  delete(keys: readonly string[], options?: SignalOption): Promise<DeleteResult[]>

  /** Uploads that were begun and never finished, under `prefix`. */
  listPendingUploads(options?: ListOptions): AsyncIterable<PendingUpload>

  /** Removes what a pending upload has stored so far. */
  abortPendingUpload(upload: PendingUpload, options?: SignalOption): Promise<void>

  /** Found out once by trying it, with a small object that is deleted again, then remembered. */
  capabilities(options?: SignalOption): Promise<StoreCapabilities>
}
