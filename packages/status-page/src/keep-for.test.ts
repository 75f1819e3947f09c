import { expect, it } from 'vitest'
import { keepFor } from './keep-for.ts'

const LONG_MS = 3_600_000

it('however many ask, one reads', async () => {
  let reads = 0
  const gate = Promise.withResolvers<void>()
  const read = keepFor(LONG_MS, async () => {
    reads += 1
    await gate.promise
    return reads
  })
  const answers = [read(), read(), read()]
  gate.resolve()
  expect(await Promise.all([...answers, read()])).toEqual([1, 1, 1, 1])
})

it('what took longer than it is kept is not read twice at a time', async () => {
  let reads = 0
  const gate = Promise.withResolvers<void>()
  const read = keepFor(0, async () => {
    reads += 1
    await gate.promise
  })
  const first = read()
  const second = read()
  gate.resolve()
  await Promise.all([first, second])
  expect(reads).toBe(1)
  await read()
  expect(reads).toBe(2)
})

it('a failure is kept as well, and what was forgotten is read again', async () => {
  let reads = 0
  const read = keepFor(LONG_MS, () => {
    reads += 1
    return Promise.reject(new Error(`failed ${reads}`))
  })
  await expect(read()).rejects.toThrow('failed 1')
  await expect(read()).rejects.toThrow('failed 1')
  read.forget()
  await expect(read()).rejects.toThrow('failed 2')
})
