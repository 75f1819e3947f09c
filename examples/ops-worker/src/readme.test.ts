import { readFile } from 'node:fs/promises'
import { Registry } from '@prometheus-io/client'
import { expect, it } from 'vitest'
import { SETTINGS } from './config.ts'
import { createJobMetrics } from '@ops/internal-jobs'
import { workerErrorCodes } from './worker-error.ts'

const readme: string = await readFile(new URL('../README.md', import.meta.url), 'utf8')

it('the README has every setting with its variable, and none that does not exist', () => {
  const rows = [...readme.matchAll(/^\| `([\w.]+)`(\\\*)? +\| `(OPS_WORKER_\w+)`/gm)]
  expect(new Set(rows.map(([, key, star = '', variable]) => `${key} ${variable}${star}`))).toEqual(
    new Set(
      SETTINGS.map(({ path, variable, isSecret }) => `${path.join('.')} ${variable}${isSecret ? '\\*' : ''}`),
    ),
  )
})

it('the README explains every error code, and none that does not exist', () => {
  const explained = [...readme.matchAll(/^\| `(WORKER_\w+)`/gm)].map(([, code]) => code)
  expect(new Set(explained)).toEqual(new Set(workerErrorCodes))
})

it('the README lists every metric of the worker, and none that does not exist', async () => {
  const registry = new Registry()
  createJobMetrics(registry)
  const listed = [...readme.matchAll(/^\| `(ops_worker_\w+)`/gm)].map(([, name]) => name)
  expect(new Set(listed)).toEqual(new Set((await registry.getMetricsAsJSON()).map(({ name }) => name)))
})
