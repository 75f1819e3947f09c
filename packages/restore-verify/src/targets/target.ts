import type { Logger, Manifest, PgConnection } from '@ops/pg-backup'
import { openContainerTarget, type ContainerTargetOptions } from './container-target.ts'
import { openLocalTarget, type LocalTargetOptions } from './local-target.ts'
import { openServerTarget, type ServerTargetOptions } from './server-target.ts'

/** Where a drill restores to. */
export type TargetOptions = LocalTargetOptions | ContainerTargetOptions | ServerTargetOptions

/** What every kind of target gets to know. */
export interface TargetContext {
  readonly manifest: Manifest
  readonly env: NodeJS.ProcessEnv
  readonly now: Date
  readonly signal?: AbortSignal
  readonly logger?: Logger
}

/** A server that a drill may restore on, and the name of the database that it may make there. */
export interface Target {
  readonly kind: TargetOptions['kind']
  /** A role that may create databases, and a database to get in by. */
  readonly connection: PgConnection & { readonly database: string }
  /** The scratch database; it does not exist yet. */
  readonly database: string
  /** Nothing but the drill is on this server: roles and tablespaces may be made on it. */
  readonly isEphemeral: boolean
  /** Most bytes that the drill may take on it. */
  readonly maxDiskBytes?: number
  /** Removes everything that the drill made. Rejects with `VERIFY_SCRATCH_FAILED`. */
  close(): Promise<void>
}

/** Opens the target, after what dead drills left there was removed. */
export function openTarget(options: TargetOptions, context: TargetContext): Promise<Target> {
  switch (options.kind) {
    case 'local':
      return openLocalTarget(options, context)
    case 'container':
      return openContainerTarget(options, context)
    default:
      return openServerTarget(options, context)
  }
}
