import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkJson } from '@ops/internal-cli/check-json'
import { describe, expect, it } from 'vitest'
import { jsonSchemas } from '../../../scripts/json-schemas.ts'

it(
  'the published schemas are what the types say: `node scripts/json-schemas.ts` writes them anew',
  { timeout: 240_000 },
  async () => {
    const schemas = await jsonSchemas()
    expect(schemas.size).toBeGreaterThan(25)
    for (const [path, text] of schemas) {
      expect([path, await readFile(join(import.meta.dirname, '../../..', path), 'utf8')]).toEqual([
        path,
        text,
      ])
    }
  },
)

describe('a schema', () => {
  const backup = {
    cluster: 'main',
    database: 'app',
    id: '20261121T020000Z-4fk2q9',
    startedAt: '2026-11-21T02:00:00.000Z',
  }
  const list =
    (...rows: object[]) =>
    (): void =>
      checkJson('pg-backup', ['list', '--json'], JSON.stringify(rows))

  it('takes what the command prints, and a failure', () => {
    expect(list(backup, { ...backup, rows: 5 })).not.toThrow()
    const failed = '{"event":"failed","error":{"code":"STORE_BAD_URL","message":"no"}}\n'
    expect(() => checkJson('pg-backup', ['list', '--json'], failed)).not.toThrow()
  })

  it.each([
    { what: 'a field that it does not know', rows: [{ ...backup, hostname: 'db' }] },
    { what: 'a field that is missing', rows: [{ ...backup, id: undefined }] },
    { what: 'a field of another type', rows: [{ ...backup, rows: '5' }] },
  ])('refuses $what', ({ rows }) => {
    expect(list(...rows)).toThrow(/^pg-backup list --json: \/0/)
  })

  it.each([
    {},
    { event: 'started' },
    { event: 'done' },
    { event: 'failed', error: {} },
    { event: 'progress', phase: 'dump' },
    { event: 'x', id: '1' },
  ])('refuses %j as an event', (line) => {
    const lines = `${JSON.stringify({ event: 'started', cluster: 'a', database: 'b', startedAt: 'c' })}\n${JSON.stringify(line)}\n`
    expect(() => checkJson('pg-backup', ['create', '--json'], lines)).toThrow('pg-backup create --json')
  })
})
