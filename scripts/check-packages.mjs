// Packs every public package and asks publint and arethetypeswrong what is wrong with the tarball.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { pack, publicPackages } from './public-packages.mjs'

const folder = mkdtempSync(join(tmpdir(), 'ops-check-'))
try {
  for (const each of publicPackages()) {
    const tarball = pack(each, folder)
    const isSound = [await passesPublint(tarball), passesTypes(tarball)].every(Boolean)
    console.log(`${isSound ? 'ok  ' : 'FAIL'} ${each.name}`)
    if (!isSound) process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** publint: do the manifest and the files say the same? */
async function passesPublint(tarball) {
  const { buffer, byteOffset, byteLength } = readFileSync(tarball)
  const { messages, pkg } = await publint({
    pack: { tarball: buffer.slice(byteOffset, byteOffset + byteLength) },
    strict: true,
  })
  for (const message of messages) console.log(`publint ${message.type}: ${formatMessage(message, pkg)}`)
  return messages.length === 0
}

/** arethetypeswrong: does every way to resolve a module find types, and the right ones? */
function passesTypes(tarball) {
  const result = spawnSync(
    'attw',
    [
      tarball,
      '--profile',
      'esm-only',
      '--no-definitely-typed',
      '--format',
      'ascii',
      '--no-emoji',
      '--no-color',
    ],
    { encoding: 'utf8' },
  )
  if (result.status !== 0) console.log(result.error?.message ?? result.stdout + result.stderr)
  return result.status === 0
}
