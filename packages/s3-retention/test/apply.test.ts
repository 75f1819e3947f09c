import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DeleteResult, ObjectStore } from '@ops/object-store'
import { describe, expect, it } from 'vitest'
import {
  applyRetention,
  planRetention,
  scanSets,
  type ApplyOptions,
  type ApplyResult,
  type RetentionPlan,
  type RetentionPolicy,
} from '../src/index.ts'
import { createBackupFolder, NOW, type BackupFolder } from './backup-folder.ts'

async function plan(folder: BackupFolder, policy: RetentionPolicy): Promise<RetentionPlan> {
  const { items } = await scanSets({ store: folder.store })
  return planRetention(items, policy, { now: NOW })
}

async function apply(
  folder: BackupFolder,
  planned: RetentionPlan,
  options: Partial<ApplyOptions> = {},
): Promise<ApplyResult> {
  const { store } = folder
  return await applyRetention(planned, {
    store,
    scan: async () => await scanSets({ store }),
    retryDelayMs: 1,
    ...options,
  })
}

/** The real store, with `delete` replaced. */
function withDelete(
  store: ObjectStore,
  deleteKeys: (keys: readonly string[]) => Promise<DeleteResult[]>,
): ObjectStore {
  return { ...store, delete: deleteKeys }
}

/** Changes one object after another, and dies after so many. Resolves to false when it was done before. */
async function killAfter(folder: BackupFolder, planned: RetentionPlan, changes: number): Promise<boolean> {
  const controller = new AbortController()
  let left = changes
  const count = (): void => {
    if (left === 0) controller.abort(new Error('killed'))
    controller.signal.throwIfAborted()
    left -= 1
  }
  const store: ObjectStore = {
    ...folder.store,
    put: async (...args) => {
      count()
      return await folder.store.put(...args)
    },
    delete: async (keys) => {
      const results: DeleteResult[] = []
      for (const key of keys) {
        count()
        results.push(...(await folder.store.delete([key])))
      }
      return results
    },
  }
  const options = { store, signal: controller.signal, concurrency: 1 }
  const ending = await apply(folder, planned, options).then(
    ({ failures }): unknown => failures,
    (error: unknown) => error,
  )
  const { aborted, reason } = controller.signal
  expect(ending).toBe(aborted ? reason : 0)
  return aborted
}

const foldersOf = (keys: readonly string[]): string[] => [
  ...new Set(keys.map((key) => key.slice(0, key.lastIndexOf('/')))),
]

describe('applyRetention', () => {
  it('deletes exactly what the plan removes, whole sets, and reports every key', async () => {
    await using folder = await createBackupFolder()
    const sets = await folder.writeDaily(6)
    const result = await apply(folder, await plan(folder, { last: 3 }))
    expect(foldersOf(await folder.keys())).toEqual(sets.slice(0, 3).toSorted())
    expect(result.deleted.items).toBe(3)
    expect(result.failures).toBe(0)
    expect(result.keys).toHaveLength(9)
    expect(result.keys.every(({ outcome }) => outcome === 'deleted')).toBe(true)
  })

  it('deletes the manifest of a set before anything else of it', async () => {
    await using folder = await createBackupFolder()
    await folder.writeDaily(4)
    const order: string[] = []
    const store = withDelete(folder.store, async (keys) => {
      order.push(...keys)
      return await folder.store.delete(keys)
    })
    await apply(folder, await plan(folder, { last: 2 }), { store })
    const firstOther = order.findIndex((key) => !key.endsWith('/manifest.json'))
    expect(firstOther).toBe(2)
    expect(order.slice(firstOther).some((key) => key.endsWith('/manifest.json'))).toBe(false)
  })

  it('deletes the oldest first, so that a run that is stopped opens no gap', async () => {
    await using folder = await createBackupFolder()
    const sets = await folder.writeDaily(6)
    const result = await apply(folder, await plan(folder, { last: 3 }))
    expect(result.items.map(({ id }) => id)).toEqual(sets.slice(3).toReversed())
  })

  it('leaves a set whole when its manifest cannot be deleted', async () => {
    await using folder = await createBackupFolder()
    const sets = await folder.writeDaily(4)
    const store = withDelete(folder.store, async (keys) => {
      const refused = new Set(keys.filter((key) => key.startsWith(sets[3]!)))
      const done = await folder.store.delete(keys.filter((key) => !refused.has(key)))
      return [
        ...done,
        ...[...refused].map((key): DeleteResult => ({
          key,
          deleted: false,
          code: 'STORE_ACCESS_DENIED',
          message: `may not delete ${key}`,
        })),
      ]
    })
    const result = await apply(folder, await plan(folder, { last: 2 }), { store })
    expect(result.failures).toBe(1)
    expect(result.items.find(({ id }) => id === sets[3])).toMatchObject({
      outcome: 'failed',
      detail: `may not delete ${sets[3]}/manifest.json`,
    })
    expect((await folder.keys()).filter((key) => key.startsWith(sets[3]!))).toHaveLength(3)
    expect((await folder.keys()).filter((key) => key.startsWith(sets[2]!))).toHaveLength(0)
  })

  it('tries again what failed for the moment, but not what is forbidden', async () => {
    await using folder = await createBackupFolder()
    await folder.writeDaily(2)
    const attempts = new Map<string, number>()
    const store = withDelete(folder.store, async (keys) => {
      for (const key of keys) attempts.set(key, (attempts.get(key) ?? 0) + 1)
      const ready = keys.filter((key) => attempts.get(key)! > 2)
      const done = await folder.store.delete(ready)
      const waiting = keys.filter((key) => !ready.includes(key))
      return [
        ...done,
        ...waiting.map((key): DeleteResult => ({
          key,
          deleted: false,
          code: 'STORE_FAILED',
          message: 'SlowDown',
        })),
      ]
    })
    const result = await apply(folder, await plan(folder, { last: 1 }), { store })
    expect(result.deleted.items).toBe(1)
    // Three objects, and the note that the deletion was begun.
    expect([...attempts.values()]).toEqual([3, 3, 3, 3])
  })

  it('asks for no more than 1,000 keys at a time', async () => {
    await using folder = await createBackupFolder()
    const [, old] = await folder.writeDaily(2)
    for (let member = 0; member < 2100; member += 1)
      await folder.write(`${old}/dump/${member}.zst`, 'x', new Date('2026-11-20T11:00:00Z'))
    const sizes: number[] = []
    const store = withDelete(folder.store, async (keys) => {
      sizes.push(keys.length)
      return await folder.store.delete(keys)
    })
    await apply(folder, await plan(folder, { last: 1 }), { store })
    // The manifest first; last the note that the deletion was begun.
    expect(sizes).toEqual([1, 1000, 1000, 102, 1])
    expect(await folder.keys()).toHaveLength(3)
  })

  it('handles keys with odd characters', async () => {
    await using folder = await createBackupFolder()
    const [, old] = await folder.writeDaily(2, { database: 'k%C3%A4se & "brot"' })
    await folder.write(`${old}/dump/ü + %41 <&>'"\\#?.zst`, 'x', new Date('2026-11-20T11:00:00Z'))
    await apply(folder, await plan(folder, { last: 1 }))
    expect(await folder.keys()).toHaveLength(3)
  })
})

describe('stopped in the middle of deleting', () => {
  const hoursAgo = (hours: number): Date => new Date(NOW.getTime() - hours * 3_600_000)
  /** A set without a backup id in its name: without its manifest, nothing tells it from any other folder. */
  const writeUndated = async (folder: BackupFolder, name: string, storedAt: Date): Promise<string> => {
    await folder.write(`exports/${name}/a.csv`, 'a', storedAt)
    await folder.write(`exports/${name}/b.csv`, 'b', storedAt)
    const objects = ['a.csv', 'b.csv'].map((each) => ({ name: each, storedBytes: 1 }))
    await folder.write(`exports/${name}/manifest.json`, JSON.stringify({ objects }), storedAt)
    return `exports/${name}`
  }
  const writers: [string, number, (folder: BackupFolder, age: number) => Promise<string>][] = [
    ['daily sets', 12, async (folder, age) => await folder.writeSet(hoursAgo(24 * age + 1))],
    [
      'hourly sets, all younger than the grace period',
      20,
      async (folder, age) => await folder.writeSet(hoursAgo(age + 1)),
    ],
    [
      'sets that are named by no backup id',
      20,
      async (folder, age) => await writeUndated(folder, `${age}`, hoursAgo(24 * age)),
    ],
  ]

  it.each(writers)(
    'ends, when it is run again, where one clean run would have: %s',
    async (_, changes, write) => {
      for (let kill = 0; kill <= changes; kill += 1) {
        await using folder = await createBackupFolder()
        const sets: string[] = []
        for (let age = 0; age < 10; age += 1) sets.push(await write(folder, age))
        const before = await folder.keys()
        const wasKilled = await killAfter(folder, await plan(folder, { last: 6 }), kill)
        expect(wasKilled).toBe(kill < changes)
        const result = await apply(folder, await plan(folder, { last: 6 }))
        expect(result.failures).toBe(0)
        const kept = new Set(sets.slice(0, 6))
        expect(await folder.keys()).toEqual(
          before.filter((key) => kept.has(key.slice(0, key.lastIndexOf('/')))),
        )
      }
    },
  )

  it('ends there too when it is stopped again and again', async () => {
    await using folder = await createBackupFolder()
    const sets: string[] = []
    for (let age = 0; age < 8; age += 1) sets.push(await folder.writeSet(hoursAgo(age + 1)))
    while (await killAfter(folder, await plan(folder, { last: 4 }), 5));
    expect(foldersOf(await folder.keys())).toEqual(sets.slice(0, 4).toSorted())
    expect(await folder.keys()).toHaveLength(12)
  })

  it('never takes an upload for what is left: not of a running backup, nor one into the same folder', async () => {
    await using folder = await createBackupFolder()
    await writeUndated(folder, 'keep', hoursAgo(1))
    const reused = await writeUndated(folder, 'reused', hoursAgo(24 * 9))
    const running = await folder.writeSet(hoursAgo(2), { manifest: false })
    for (let age = 3; age < 6; age += 1) await folder.writeSet(hoursAgo(age))
    // The notes and the manifests of three sets.
    await killAfter(folder, await plan(folder, { last: 1 }), 6)
    expect(await folder.keys()).toContain(`${reused}/retention-deleting.json`)
    expect(await folder.keys()).not.toContain(`${reused}/manifest.json`)
    await folder.write(`${reused}/a.csv`, 'new', hoursAgo(0))
    const planned = await plan(folder, { last: 1 })
    expect(planned.decisions.find(({ item }) => item.id === reused)?.reasons).toEqual([
      'no manifest, but not older than 72 h: a backup may be running',
    ])
    await apply(folder, planned)
    const keys = await folder.keys()
    expect(keys.filter((key) => key.startsWith(reused))).toHaveLength(3)
    expect(keys.filter((key) => key.startsWith(running))).toHaveLength(2)
  })

  it('sees an upload that begins between the plan and the deletion', async () => {
    await using folder = await createBackupFolder()
    await writeUndated(folder, 'keep', hoursAgo(1))
    await writeUndated(folder, 'keep-too', hoursAgo(2))
    const reused = await writeUndated(folder, 'reused', hoursAgo(24 * 9))
    await killAfter(folder, await plan(folder, { last: 2 }), 2)
    const planned = await plan(folder, { last: 2 })
    expect(planned.removed.items).toBe(1)
    await folder.write(`${reused}/c.csv`, 'new', hoursAgo(1))
    const result = await apply(folder, planned)
    expect(result.items).toMatchObject([{ id: reused, outcome: 'changed' }])
    expect(await folder.keys()).toContain(`${reused}/c.csv`)
  })

  it('does not begin to delete what cannot be noted', async () => {
    await using folder = await createBackupFolder()
    for (let age = 0; age < 4; age += 1) await folder.writeSet(hoursAgo(age + 1))
    const before = await folder.keys()
    const store: ObjectStore = {
      ...folder.store,
      put: async () => await Promise.reject(new Error('the credentials may not write')),
    }
    const result = await apply(folder, await plan(folder, { last: 2 }), { store })
    expect(result.failures).toBe(2)
    expect(result.items[0]).toMatchObject({
      outcome: 'failed',
      detail: expect.stringContaining('could not be noted: the credentials may not write'),
    })
    expect(await folder.keys()).toEqual(before)
  })

  it('needs no right to write for sets that are older than the grace period', async () => {
    await using folder = await createBackupFolder()
    for (let age = 4; age < 8; age += 1) await folder.writeSet(hoursAgo(24 * age))
    const store: ObjectStore = {
      ...folder.store,
      put: async () => await Promise.reject(new Error('the credentials may not write')),
    }
    expect(await apply(folder, await plan(folder, { last: 2 }), { store })).toMatchObject({
      deleted: { items: 2 },
      failures: 0,
    })
  })
})

describe('a world that is no longer as the plan saw it', () => {
  it.each([
    ['lists nothing', 0],
    ['lists much less', 5],
  ])('stops when the store suddenly %s', async (_, left) => {
    await using folder = await createBackupFolder()
    const sets = await folder.writeDaily(20)
    const planned = await plan(folder, { last: 10 })
    for (const set of sets.slice(left)) await rm(join(folder.path, set), { recursive: true })
    const before = await folder.keys()
    await expect(apply(folder, planned)).rejects.toMatchObject({ code: 'RETENTION_WORLD_CHANGED' })
    expect(await folder.keys()).toEqual(before)
  })

  it('does not touch what is newer than the plan, changed, or pinned since', async () => {
    await using folder = await createBackupFolder()
    const sets = await folder.writeDaily(8)
    const planned = await plan(folder, { last: 4 })
    await folder.write(`${sets[4]}/late.txt`, 'new', new Date('2026-11-21T13:00:00Z'))
    await folder.write(`${sets[5]}/dump.pgc.zst`, 'other', new Date('2026-11-01T00:00:00Z'))
    await folder.write(`${sets[6]}/pinned`, '', new Date('2026-11-01T00:00:00Z'))
    const late = await folder.writeSet(new Date('2026-11-21T12:30:00Z'))
    const result = await apply(folder, planned)
    expect(result.items.map(({ id, outcome }) => [id, outcome])).toEqual([
      [sets[4], 'changed'],
      [sets[5], 'changed'],
      [sets[6], 'changed'],
      [sets[7], 'deleted'],
    ])
    expect(await folder.keys()).toContain(`${late}/manifest.json`)
  })

  it('deletes nothing of a group whose last good set went bad since', async () => {
    await using folder = await createBackupFolder()
    const [newest] = await folder.writeDaily(4)
    const planned = await plan(folder, { last: 1 })
    await rm(join(folder.path, newest!, 'dump.pgc.zst'))
    const result = await apply(folder, planned, { maxDeleteFraction: 1 })
    expect(result.deleted.items).toBe(0)
    expect(result.items.map(({ outcome }) => outcome)).toEqual(['changed', 'changed', 'changed'])
  })

  it('keeps what a set that was published since requires', async () => {
    await using folder = await createBackupFolder()
    const sets = await folder.writeDaily(4)
    const planned = await plan(folder, { last: 2 })
    const requires = [sets[3]!.split('/').at(-1)!]
    await folder.writeSet(new Date('2026-11-21T12:30:00Z'), { manifest: { requires } })
    const result = await apply(folder, planned)
    expect(result.items.map(({ id, outcome }) => [id, outcome])).toEqual([
      [sets[3], 'needed'],
      [sets[2], 'deleted'],
    ])
  })

  it('counts what somebody else deleted as gone', async () => {
    await using folder = await createBackupFolder()
    const sets = await folder.writeDaily(4)
    const planned = await plan(folder, { last: 2 })
    await rm(join(folder.path, sets[3]!), { recursive: true })
    const result = await apply(folder, planned)
    expect(result.items).toContainEqual(expect.objectContaining({ id: sets[3], outcome: 'gone' }))
    expect(result.failures).toBe(0)
  })
})

describe('a plan that both keeps and removes one id', () => {
  it('is refused, whatever groups its items are in', async () => {
    await using folder = await createBackupFolder()
    await folder.writeDaily(3)
    const { items } = await scanSets({ store: folder.store })
    const doubled = items.flatMap((item) => [item, Object.assign({}, item, { group: 'other', pinned: true })])
    const planned = planRetention(doubled, { last: 1 }, { now: NOW })
    await expect(apply(folder, planned)).rejects.toMatchObject({ code: 'RETENTION_ITEM_INVALID' })
    expect(await folder.keys()).toHaveLength(9)
  })
})

describe('the cap on one run', () => {
  it('refuses to remove more than half, and removes it when more is allowed', async () => {
    await using folder = await createBackupFolder()
    await folder.writeDaily(10)
    const planned = await plan(folder, { last: 2 })
    await expect(apply(folder, planned)).rejects.toMatchObject({
      code: 'RETENTION_TOO_MUCH',
      details: { planned: 8, found: 5 },
    })
    expect(await folder.keys()).toHaveLength(30)
    await apply(folder, planned, { maxDeleteFraction: 0.8 })
    expect(await folder.keys()).toHaveLength(6)
  })

  it.each([-0.1, 1.1, Number.NaN])('refuses %s as a share', async (maxDeleteFraction) => {
    await using folder = await createBackupFolder()
    await folder.writeDaily(2)
    await expect(apply(folder, await plan(folder, { last: 1 }), { maxDeleteFraction })).rejects.toMatchObject(
      { code: 'RETENTION_OPTION_INVALID' },
    )
  })
})

describe('sets that require others', () => {
  it('go before what they require, which stays when they cannot be deleted', async () => {
    await using folder = await createBackupFolder()
    await folder.writeDaily(3)
    const full = await folder.writeSet(new Date('2026-10-01T00:00:00Z'))
    const next = await folder.writeSet(new Date('2026-10-02T00:00:00Z'), {
      manifest: { requires: [full.split('/').at(-1)!] },
    })
    const store = withDelete(folder.store, async (keys) => {
      const refused = keys.filter((key) => key.startsWith(next))
      const done = await folder.store.delete(keys.filter((key) => !key.startsWith(next)))
      return [
        ...done,
        ...refused.map((key): DeleteResult => ({
          key,
          deleted: false,
          code: 'STORE_ACCESS_DENIED',
          message: 'denied',
        })),
      ]
    })
    const result = await apply(folder, await plan(folder, { last: 3 }), { store })
    expect(result.items.map(({ id, outcome }) => [id, outcome])).toEqual([
      [next, 'failed'],
      [full, 'needed'],
    ])
    expect((await folder.keys()).filter((key) => key.startsWith(full))).toHaveLength(3)
  })
})
