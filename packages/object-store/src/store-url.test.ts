import { assert, property, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isObjectStoreError } from './object-store-error.ts'
import { parseStoreUrl } from './store-url.ts'

function outcome(url: string): string {
  try {
    return parseStoreUrl(url).kind
  } catch (error) {
    return isObjectStoreError(error) ? error.code : String(error)
  }
}

describe('parseStoreUrl', () => {
  it.each([
    ['file:///var/backups', { kind: 'file', folder: '/var/backups' }],
    ['file:///with%20space/%C3%A4', { kind: 'file', folder: '/with space/ä' }],
    ['s3://bucket', { kind: 's3', bucket: 'bucket', prefix: '' }],
    ['s3://bucket/', { kind: 's3', bucket: 'bucket', prefix: '' }],
    ['s3://My.bucket-1/a/b/', { kind: 's3', bucket: 'My.bucket-1', prefix: 'a/b' }],
    [
      's3://bucket/a%20b?endpoint=https://s3.example:9000&region=eu-1&pathStyle=true&maxParts=1000',
      {
        kind: 's3',
        bucket: 'bucket',
        prefix: 'a b',
        endpoint: 'https://s3.example:9000',
        region: 'eu-1',
        pathStyle: true,
        maxParts: 1000,
      },
    ],
    ['s3://bucket?pathStyle=false', { kind: 's3', bucket: 'bucket', prefix: '', pathStyle: false }],
  ])('reads %s', (text, location) => {
    expect(parseStoreUrl(text)).toEqual(location)
  })

  it.each([
    ['', 'no URL'],
    ['/var/backups', 'no URL'],
    ['http://host/x', 'scheme'],
    ['file://host/share', 'three slashes'],
    ['file:///x?y=1', 'no parameters'],
    ['file:///x%2Fy', 'percent'],
    ['s3:///prefix', 'no bucket'],
    ['s3://b', 'no bucket'],
    ['s3://bucket:80/x', 'no bucket'],
    ['s3://bucket/a//b', 'empty segment'],
    ['s3://bucket/a%00b', 'NUL'],
    ['s3://bucket/%FF', 'percent'],
    ['s3://bucket/a#b', '%23'],
    ['s3://bucket?endpint=x', 'unknown parameter "endpint"'],
    ['s3://bucket?endpoint=host:9000', 'http'],
    ['s3://bucket?endpoint=nonsense', 'no URL'],
    ['s3://bucket?region=', 'empty'],
    ['s3://bucket?region=a_b', 'region'],
    ['s3://bucket?pathStyle=yes', 'true or false'],
    ['s3://bucket?maxParts=0', 'maxParts'],
    ['s3://bucket?region=a&region=b', 'twice'],
  ])('refuses %s', (text, hint) => {
    expect(() => parseStoreUrl(text)).toThrow(
      expect.objectContaining({ code: 'STORE_BAD_URL', message: expect.stringContaining(hint) }),
    )
  })

  it.each([
    's3://AKIA:hunter2@bucket/x',
    's3://hunter2@bucket/x',
    'file://u:hunter2@host/x',
    's3://bucket?endpoint=https://u:hunter2@host',
    's3://bucket?secretAccessKey=hunter2',
    's3://bucket?pathStyle=hunter2',
    's3://u:hunter2@[bucket',
  ])('never repeats what may be a secret: %s', (text) => {
    expect(() => parseStoreUrl(text)).toThrow(
      expect.objectContaining({ code: 'STORE_BAD_URL', message: expect.not.stringContaining('hunter2') }),
    )
  })

  it('refuses any text with its own error or understands it', () => {
    assert(
      property(string({ unit: 'binary' }), (text) => {
        for (const url of [text, `s3://${text}`, `s3://bucket/${text}`, `file:///${text}`]) {
          expect(['s3', 'file', 'STORE_BAD_URL']).toContain(outcome(url))
        }
      }),
    )
  })
})
