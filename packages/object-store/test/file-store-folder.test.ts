import { execFileSync } from 'node:child_process'
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileStore } from '../src/file-store.ts'
import type { ObjectStore } from '../src/object-store.ts'

describe('fileStore and its folder', () => {
  let base: string
  let folder: string
  let store: ObjectStore
  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), 'file-store-'))
    folder = join(base, 'store')
    await mkdir(folder)
    store = fileStore({ folder })
  })
  afterEach(async () => {
    await rm(base, { recursive: true })
  })
  const keys = async (): Promise<string[]> => {
    const all: string[] = []
    for await (const { key } of store.list()) all.push(key)
    return all
  }

  const mounted = async (options: string, work: (mountPoint: string) => Promise<void>): Promise<boolean> => {
    const mountPoint = join(base, 'mounted')
    await mkdir(mountPoint)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', mountPoint], { stdio: 'ignore' })
    } catch {
      return false
    }
    try {
      await work(mountPoint)
      return true
    } finally {
      execFileSync('umount', [mountPoint])
    }
  }

  it('keeps an object as the file of that path, readable by the owner and the group', async () => {
    await store.put('a/b/c', Buffer.from('text'))
    expect(await readFile(join(folder, 'a/b/c'), 'utf8')).toBe('text')
    expect((await stat(join(folder, 'a/b/c'))).mode & 0o007).toBe(0)
  })

  it('leaves no empty folders behind when objects are deleted', async () => {
    await store.put('a/b/c', Buffer.from('1'))
    await store.put('a/d', Buffer.from('2'))
    await store.delete(['a/b/c'])
    expect(await readdir(join(folder, 'a'))).toEqual(['d'])
    await store.delete(['a/d'])
    expect(await readdir(folder)).toEqual([])
  })

  it('puts and deletes in one folder at the same time without getting in each other’s way', async () => {
    await Promise.all(
      Array.from({ length: 200 }, async (_, at) => {
        await store.put(`busy/folder/${at}`, Buffer.from('x'))
        expect((await store.delete([`busy/folder/${at}`]))[0]).toMatchObject({ deleted: true })
      }),
    )
    expect(await readdir(folder)).toEqual([])
  })

  it('never makes the folder itself', async () => {
    const missing = fileStore({ folder: join(base, 'not-mounted') })
    await expect(missing.put('a', Buffer.from('x'))).rejects.toMatchObject({ code: 'STORE_NO_BUCKET' })
    await expect(missing.head('a')).rejects.toMatchObject({ code: 'STORE_NO_BUCKET' })
    await expect(missing.capabilities()).rejects.toMatchObject({ code: 'STORE_NO_BUCKET' })
    await expect(missing.list()[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'STORE_NO_BUCKET',
    })
    expect(await readdir(base)).toEqual(['store'])
  })

  describe('symbolic links', () => {
    beforeEach(async () => {
      await mkdir(join(base, 'outside'))
      await writeFile(join(base, 'outside/secret'), 'secret')
      await symlink(join(base, 'outside'), join(folder, 'linked'))
      await symlink(join(base, 'outside/secret'), join(folder, 'link'))
    })

    it.each(['linked/secret', 'linked/new/deeper', 'link'])('are not followed by %s', async (key) => {
      const refused = { code: 'STORE_BAD_KEY' }
      await expect(store.get(key)).rejects.toMatchObject(refused)
      await expect(store.head(key)).rejects.toMatchObject(refused)
      expect(await keys()).toEqual([])
    })

    it('do not lead a put or a delete outside', async () => {
      await expect(store.put('linked/new/deeper', Buffer.from('x'))).rejects.toMatchObject({
        code: 'STORE_BAD_KEY',
      })
      await expect(store.putIfAbsent('linked/new', Buffer.from('x'))).rejects.toMatchObject({
        code: 'STORE_BAD_KEY',
      })
      expect(await store.delete(['linked/secret'])).toMatchObject([{ deleted: false, code: 'STORE_BAD_KEY' }])
      await store.put('link', Buffer.from('replaces the link'))
      expect(await readdir(join(base, 'outside'))).toEqual(['secret'])
      expect(await readFile(join(base, 'outside/secret'), 'utf8')).toBe('secret')
    })
  })

  it.each([
    ['a/b', 'a/b/c'],
    ['a/b/c', 'a/b'],
  ])('refuses %s beside %s', async (first, second) => {
    await store.put(first, Buffer.from('1'))
    await expect(store.put(second, Buffer.from('2'))).rejects.toMatchObject({ code: 'STORE_BAD_KEY' })
    await expect(store.putIfAbsent(second, Buffer.from('2'))).rejects.toMatchObject({ code: 'STORE_BAD_KEY' })
    expect(await store.head(second)).toBeUndefined()
    expect(await keys()).toEqual([first])
  })

  it('refuses names that the file system cannot hold', async () => {
    await expect(store.put('x'.repeat(300), Buffer.from('x'))).rejects.toMatchObject({
      code: 'STORE_BAD_KEY',
    })
    await expect(store.put(`${'x'.repeat(300)}/y`, Buffer.from('x'))).rejects.toMatchObject({
      code: 'STORE_BAD_KEY',
    })
  })

  it('does not wait for a reader of a named pipe', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe')])
    await expect(store.get('pipe')).rejects.toMatchObject({ code: 'STORE_NOT_FOUND' })
    expect(await keys()).toEqual([])
  })

  it('shows what a killed process left as a pending upload, with the time in its name, and removes it', async () => {
    const stop = new AbortController()
    const body = new Readable({ read: () => undefined })
    body.push(Buffer.alloc(1000))
    const putting = store.put('deep/er', body, { signal: stop.signal }).catch(() => undefined)
    await expect.poll(async () => (await readdir(join(folder, 'deep')).catch(() => [])).length).toBe(1)
    const [name = ''] = await readdir(join(folder, 'deep'))
    await writeFile(join(folder, 'deep', `${name.slice(0, -2)}left`), 'half')
    await utimes(join(folder, 'deep', `${name.slice(0, -2)}left`), 0, 0)
    stop.abort()
    await putting

    const pending = []
    for await (const upload of store.listPendingUploads({ prefix: 'deep/l' })) pending.push(upload)
    expect(pending).toMatchObject([{ key: 'deep/left' }])
    expect(Math.abs((pending[0]?.startedAt.getTime() ?? 0) - Date.now())).toBeLessThan(60_000)
    expect(await keys()).toEqual([])
    for (const upload of pending) await store.abortPendingUpload(upload)
    expect(await readdir(join(folder, 'deep'))).toEqual([])
  })

  it.each(['../../etc/passwd', 'x/../../y', ''])('does not take %j for an upload', async (uploadId) => {
    const upload = { key: 'a', uploadId, startedAt: new Date() }
    await expect(store.abortPendingUpload(upload)).rejects.toMatchObject({ code: 'STORE_BAD_KEY' })
  })

  it('removes what a process left that was killed while it found out what the folder can do, and nothing younger', async () => {
    const probe = (at: number): string => `.upload-${at.toString(36)}-0123456789ab-probe`
    const [old, young] = [probe(Date.now() - 7_200_000), probe(Date.now())]
    for (const name of [old, young]) await writeFile(join(folder, name), '')
    await store.capabilities()
    expect(await readdir(folder)).toEqual([young])
  })

  it('refuses a key that is named like an unfinished upload', async () => {
    await expect(store.put('.upload-mbcdefgh-0123456789ab-x', Buffer.from('x'))).rejects.toMatchObject({
      code: 'STORE_BAD_KEY',
    })
    await store.put('.upload-x', Buffer.from('x'))
    expect(await keys()).toEqual(['.upload-x'])
  })

  it('reads what was there when the reading began, though it is replaced meanwhile', async () => {
    const old = Buffer.alloc(3_000_000, 1)
    await store.put('replaced', old)
    const stream = await store.get('replaced')
    await store.put('replaced', Buffer.from('new'))
    expect(Buffer.compare(await buffer(stream), old)).toBe(0)
  })

  describe('on file systems that fail', () => {
    const isRoot = process.getuid?.() === 0
    it('says STORE_FULL, and leaves nothing of what did not fit', async (context) => {
      const tried = await mounted('size=1m', async (mountPoint) => {
        const full = fileStore({ folder: mountPoint })
        await expect(full.put('a/b', Buffer.alloc(3_000_000))).rejects.toMatchObject({
          code: 'STORE_FULL',
          details: { key: 'a/b', errorName: 'ENOSPC' },
        })
        expect(await readdir(join(mountPoint, 'a'))).toEqual([])
      })
      if (!tried) context.skip('file systems cannot be mounted here')
    })

    it('says STORE_READ_ONLY', async (context) => {
      const tried = await mounted('ro', async (mountPoint) => {
        const readOnly = fileStore({ folder: mountPoint })
        await expect(readOnly.put('a', Buffer.from('x'))).rejects.toMatchObject({ code: 'STORE_READ_ONLY' })
        await expect(readOnly.put('a/b', Buffer.from('x'))).rejects.toMatchObject({ code: 'STORE_READ_ONLY' })
      })
      if (!tried) context.skip('file systems cannot be mounted here')
    })

    it('publishes into another file system that is mounted inside its folder', async (context) => {
      const tried = await mounted('size=1m', async (mountPoint) => {
        const outer = fileStore({ folder: base })
        // temp files lie beside their objects, so even there nothing crosses
        await outer.put('mounted/a', Buffer.from('x'))
        expect(await outer.putIfAbsent('mounted/b', Buffer.from('x'))).toBe(true)
        expect(await readdir(mountPoint)).toEqual(['a', 'b'])
      })
      if (!tried) context.skip('file systems cannot be mounted here')
    })

    it('says STORE_ACCESS_DENIED', async (context) => {
      if (isRoot) context.skip('root may write everywhere')
      await chmod(folder, 0o500)
      await expect(store.put('a', Buffer.from('x'))).rejects.toMatchObject({ code: 'STORE_ACCESS_DENIED' })
      await chmod(folder, 0o700)
    })
  })
})
