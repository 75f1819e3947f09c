import { describe, expect, it } from 'vitest'
import { caddySites } from './discover-caddy.ts'

const names = (config: unknown): string[] => caddySites(config).map((site) => `${site.name} ${site.target}`)
const server = (rest: object): object => ({ apps: { http: { servers: { main: rest } } } })
const route = { match: [{ host: ['a.example', '{env.HOST}'] }] }

describe('the sites of a Caddy', () => {
  it.each<[string, unknown, string[]]>([
    ['none', {}, []],
    [
      'on several ports',
      server({ listen: [':443', 'tcp/[::1]:8443', 'unix//run/x.sock'], routes: [route] }),
      ['a.example a.example:443', 'a.example a.example:8443'],
    ],
    ['not on the port of plain HTTP', server({ listen: [':80'], routes: [route] }), []],
    [
      'without automatic HTTPS',
      server({ listen: [':443'], routes: [route], automatic_https: { disable: true } }),
      [],
    ],
    [
      'with TLS of its own',
      server({
        listen: [':9000'],
        routes: [route],
        automatic_https: { disable: true },
        tls_connection_policies: [{}],
      }),
      ['a.example a.example:9000'],
    ],
    ['left out', server({ listen: [':443'], routes: [route], automatic_https: { skip: ['a.example'] } }), []],
    [
      'kept without a route',
      { apps: { tls: { certificates: { automate: ['b.example', '*.c.example'] } } } },
      ['*.c.example c.example:443', 'b.example b.example:443'],
    ],
    [
      'in a configuration that makes no sense',
      { apps: { http: { servers: { x: { listen: [1, null], routes: 'no' } } } } },
      [],
    ],
  ])('%s', (_what, config, expected) => {
    expect(names(config)).toEqual(expected)
  })
})
