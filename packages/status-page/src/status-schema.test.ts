import { expect, it } from 'vitest'
import { z } from 'zod'
import { sampleStatus } from './sample-status.ts'
import { statusDocument } from './status-document.ts'
import { statusSchema } from './status-schema.ts'

const schema = z.fromJSONSchema(statusSchema as Parameters<typeof z.fromJSONSchema>[0])

it.each(['calm', 'trouble'] as const)('the schema fits a status in %s', (mood) => {
  expect(schema.safeParse(statusDocument(sampleStatus(mood))).error?.issues).toBeUndefined()
})

it('the schema refuses what is not part of a status', () => {
  const document = statusDocument(sampleStatus())
  for (const wrong of [
    { ...document, format: 'ops.status/2' },
    { ...document, takenAt: 'yesterday' },
    { ...document, password: 'hunter2' },
    { ...document, databases: [{ ...document.databases[0], backups: undefined }] },
  ])
    expect(schema.safeParse(wrong).success).toBe(false)
})
