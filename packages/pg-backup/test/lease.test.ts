import { pathToFileURL } from 'node:url'
import { describe, afterAll, beforeAll } from 'vitest'
import { temporaryStore, type TemporaryStore } from './harness.ts'
import { describeLease } from './lease-contract.ts'

let place: TemporaryStore

beforeAll(async () => {
  place = await temporaryStore()
})

afterAll(() => place?.[Symbol.asyncDispose]())

describe('in a folder', () => {
  describeLease(() => ({ store: place.store, url: pathToFileURL(place.folder).href, env: {} }))
})
