import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startPostgres } from '@ops/testbed'
import { expect, it } from 'vitest'
import { shell, temporaryStore } from './harness.ts'

it('the first example of the README works as it stands', async () => {
  const readme = await readFile(join(import.meta.dirname, '../README.md'), 'utf8')
  const [, example] = /^```ts\n(.*?)^```$/ms.exec(readme)!
  expect(example!.split('\n').length).toBeLessThanOrEqual(15)
  await using server = await startPostgres()
  await using place = await temporaryStore()
  await server.createDatabase('app')
  await server.query('CREATE TABLE people AS SELECT generate_series(1, 42) AS id', 'app')

  // Inside the package, so that it resolves itself and its dependencies as a user's file does.
  const folder = await mkdtemp(join(import.meta.dirname, 'example-'))
  try {
    const program = join(folder, 'example.ts')
    await writeFile(program, example!.replace('/var/backups/postgres', place.folder))
    const output = await shell('"$NODE" "$PROGRAM"', {
      ...server.env(),
      NODE: process.execPath,
      PROGRAM: program,
    })
    expect(output).toMatch(/^public people 42 ops1:[0-9a-f]{32}\nrestored \S+, one of 1 backups\n$/)
  } finally {
    await rm(folder, { recursive: true })
  }
})
