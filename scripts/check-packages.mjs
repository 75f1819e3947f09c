// Packs every public package, asks publint and arethetypeswrong what is wrong with the tarball, lets npm
// publish it as far as that goes without a registry, and compares its size with what it may have.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { overLimit } from './package-limits.mjs'
import { pack, publicPackages } from './public-packages.mjs'

const folder = mkdtempSync(join(tmpdir(), 'ops-check-'))
try {
  for (const each of publicPackages()) {
    const tarball = pack(each, folder)
    const isSound = [
      await passesPublint(tarball),
      passesTypes(tarball),
      passesPublish(tarball),
      isWithinLimits(each, tarball),
    ].every(Boolean)
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

/**
 * `npm publish --dry-run` without a complaint: neither a manifest that npm has to correct, nor a file that
 * is missing. No registry is asked, and no login is needed; npm says so, which is the one warning that is fine.
 */
function passesPublish(tarball) {
  const offline = ['--registry', 'http://127.0.0.1:9/', '--fetch-retries', '0']
  const result = spawnSync(
    'npm',
    ['publish', tarball, '--dry-run', '--json', '--access', 'public', ...offline],
    {
      encoding: 'utf8',
      env: { ...process.env, npm_config_loglevel: 'warn' },
    },
  )
  const complaints = result.stderr
    .split('\n')
    .filter((line) => line.startsWith('npm warn publish') && !line.includes('requires you to be logged in'))
  const isClean = result.status === 0 && complaints.length === 0
  if (!isClean) console.log(`npm publish --dry-run: ${result.stderr}`)
  return isClean
}

/** Prints what a package weighs, and compares. */
function isWithinLimits({ name, manifest }, tarball) {
  const packedKilobytes = Math.ceil(statSync(tarball).size / 1000)
  const dependencies = Object.keys(manifest.dependencies ?? {}).length
  console.log(`     ${name}: ${packedKilobytes} kB packed, ${dependencies} dependencies`)
  const excess = overLimit(name, { packedKilobytes, dependencies })
  for (const line of excess) console.log(line)
  return excess.length === 0
}
