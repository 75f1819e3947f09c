import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { get } from 'node:https'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { auditLive, auditSource, createProfile, parsePgbouncerIni } from '@ops/pgbouncer-audit'
import { checkPooling, lintConfig, sizePools } from '@ops/pgbouncer-stats'
import { dockerAvailable } from '@ops/testbed'
import type { Client } from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Alert, Inbox, Prometheus, WAIT } from './prometheus.ts'
import { checkComposeFiles, Stack } from './stack.ts'

const DOCKER = fileURLToPath(new URL('../..', import.meta.url))
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

let stack: Stack
let prometheus: Prometheus
let inbox: Inbox

beforeAll(async () => {
  if (!(await dockerAvailable())) throw new Error('no Docker engine answers')
  stack = await Stack.start()
  prometheus = await Prometheus.of(stack)
  inbox = await Inbox.of(stack)
  // What dashboards and alerts speak of: a backup, what retention says to it, and a drill.
  await stack.exec('ops-worker', 'ops-worker', 'run', 'backup')
  await stack.exec('ops-worker', 'ops-worker', 'run', 'drill')
})

afterAll(async () => {
  await stack?.stop()
})
