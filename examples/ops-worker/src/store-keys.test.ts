import { expect, it } from 'vitest'
import { withStoreKeys } from './store-keys.ts'

const OWN = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 's', AWS_SESSION_TOKEN: 't', HOME: '/' }
const url = 's3://backups'

it('takes the keys of the environment, with their session token', () => {
  expect(withStoreKeys(OWN, { url })).toEqual(OWN)
})

it('takes no session token of other keys', () => {
  expect(withStoreKeys(OWN, { url, accessKeyId: 'b', secretAccessKey: 'x' })).toEqual({
    HOME: '/',
    AWS_ACCESS_KEY_ID: 'b',
    AWS_SECRET_ACCESS_KEY: 'x',
  })
})
