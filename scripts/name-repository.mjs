// node scripts/name-repository.mjs OWNER/NAME REF: writes into every public package which repository it comes
// from, without which npm refuses provenance, and makes the links of its README lead there, since npm's pages
// have only what is in the README. The release runs it; nothing of it is committed.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publicPackages } from './public-packages.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** `readme` of the package in `folder`, with its relative links and images made absolute. */
export function withAbsoluteLinks(readme, { repository, ref, folder }) {
  return readme.replaceAll(
    /(!?)(\[[^\]]*\]\()(?!#|[a-z][a-z+.-]*:)([^)\s#]+)/g,
    (_link, image, text, path) => {
      const kind = image === '' ? 'blob' : 'raw'
      return `${image}${text}https://github.com/${repository}/${kind}/${ref}/${posix.join(folder, path)}`
    },
  )
}

function main([repository, ref]) {
  if (!/^[\w.-]+\/[\w.-]+$/.test(repository ?? '') || ref === undefined) {
    console.error('usage: node scripts/name-repository.mjs OWNER/NAME REF')
    process.exitCode = 2
    return
  }
  for (const { folder, manifest } of publicPackages()) {
    const directory = relative(root, folder)
    const url = `git+https://github.com/${repository}.git`
    const named = {
      ...manifest,
      homepage: `https://github.com/${repository}/tree/${ref}/${directory}#readme`,
      bugs: `https://github.com/${repository}/issues`,
      repository: { type: 'git', url, directory },
    }
    writeFileSync(join(folder, 'package.json'), `${JSON.stringify(named, undefined, 2)}\n`)
    const readme = join(folder, 'README.md')
    const text = withAbsoluteLinks(readFileSync(readme, 'utf8'), { repository, ref, folder: directory })
    writeFileSync(readme, text)
  }
}

if (import.meta.filename === process.argv[1]) main(process.argv.slice(2))
