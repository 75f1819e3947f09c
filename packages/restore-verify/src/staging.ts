import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import type { Logger } from '@ops/pg-backup'
import { createOwnedFolder, removeDeadFolders, thisOwner } from './targets/owned-folder.ts'

/** A folder on this machine for what a drill has to lay down beside its server; disposing of it removes it. */
export interface Staging extends AsyncDisposable {
  readonly folder: string
}

/** Makes one, after those of dead drills in the same place were removed. */
export async function openStaging({
  parent = tmpdir(),
  now,
  logger,
}: {
  readonly parent?: string
  readonly now: Date
  readonly logger?: Logger
}): Promise<Staging> {
  for (const folder of await removeDeadFolders(parent))
    logger?.warn({ folder }, 'removed the staging folder of a dead drill')
  const folder = await createOwnedFolder(parent, await thisOwner(now))
  return {
    folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true, maxRetries: 10 }),
  }
}
