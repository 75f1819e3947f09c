import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { errorsPage, metricsPage } from '../generate.ts'

it.each([
  { name: 'errors.md', made: errorsPage },
  { name: 'metrics.md', made: metricsPage },
])('$name is what the code says: `node docs/generate.ts` writes it anew', async ({ name, made }) => {
  const page = await readFile(fileURLToPath(new URL(`../${name}`, import.meta.url)), 'utf8')
  expect(page).toBe(await made())
})
