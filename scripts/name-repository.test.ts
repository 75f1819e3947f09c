import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { withAbsoluteLinks } from './name-repository.mjs'
import { publicPackages } from './public-packages.mjs'

const root = dirname(import.meta.dirname)
const base = 'https://github.com/owner/name'
const place = { repository: 'owner/name', ref: 'main', folder: 'packages/x' }

it.each([
  ['[a](../../docs/DIGEST.md#tables)', `[a](${base}/blob/main/docs/DIGEST.md#tables)`],
  [
    '[`b`](schema/x.json), [c](docs)',
    `[\`b\`](${base}/blob/main/packages/x/schema/x.json), [c](${base}/blob/main/packages/x/docs)`,
  ],
  ['![d](../../docs/images/d.png)', `![d](${base}/raw/main/docs/images/d.png)`],
  ['[e](https://example.org/e) [f](#f)', '[e](https://example.org/e) [f](#f)'],
])('%s leads to the repository', (link, absolute) => {
  expect(withAbsoluteLinks(link, place)).toBe(absolute)
})

describe('on npm', () => {
  it.each(publicPackages())('the README of $name stands alone', ({ name, folder, manifest }) => {
    const page = withAbsoluteLinks(readFileSync(join(folder, 'README.md'), 'utf8'), {
      ...place,
      folder: relative(root, folder),
    })
    expect(page).toMatch(new RegExp(`^# ${name}\n\n.+\n\n\`\`\`ts\n`))
    expect(page).toContain(`npm install ${name}`)
    expect(page).toContain('\n## Errors\n')
    expect(page).toContain('\n## License\n\nMIT\n')
    expect(manifest.license).toBe('MIT')
    const links = Array.from(page.matchAll(/\]\(([^)]+)\)/g), ([, link]) => link!)
    expect(links.filter((link) => !/^(?:https:\/\/|#)/.test(link))).toEqual([])
  })
})
