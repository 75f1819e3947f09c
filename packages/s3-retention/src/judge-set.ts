import { createHash } from 'node:crypto'
import { isNoteOf, NOTE_NAME } from './deletion-note.ts'
import type { RetentionItem, StoredObject } from './retention-item.ts'
import { MANIFEST_NAME, PIN_NAME, VERIFICATION_NAME, type SetFolder } from './set-folder.ts'

/** What the small files of a set say; absent where the file is. */
export interface SetTexts {
  readonly manifest?: string
  readonly verification?: string
  /** The note of a deletion. */
  readonly note?: string
}

/**
 * Makes an item of a set. It is good only if its manifest can be read, every object in the manifest
 * is there with the size that it had, and no restore drill of it failed. Manifests may come from
 * anyone: nothing in them can lead out of the set's own folder.
 */
export function judgeSet(set: SetFolder, texts: SetTexts): RetentionItem {
  const prefix = `${set.folder}/`
  // The manifest goes first when the set is deleted, as without it the set does not exist any more; its note last.
  const objects = set.objects.toSorted(
    (a, b) => rankOf(a.key, prefix) - rankOf(b.key, prefix) || (a.key < b.key ? -1 : 1),
  )
  const noteKey = prefix + NOTE_NAME
  const content = objects.filter(({ key }) => key !== noteKey)
  const lastModified = newestOf(content.length > 0 ? content : objects)
  const manifest = texts.manifest === undefined ? undefined : parseObject(texts.manifest)
  const problem = problemOf(set, manifest, texts)
  return {
    id: set.folder,
    group: set.group,
    ...timeOfSet(set, manifest, lastModified),
    bytes: objects.reduce((sum, object) => sum + object.size, 0),
    lastModified,
    objects,
    noteKey,
    ...(texts.manifest === undefined ? { isUnpublished: true } : {}),
    ...(isHalfDeleted(set, texts, content) ? { isHalfDeleted: true } : {}),
    ...(problem === undefined ? {} : { problem }),
    ...(objects.some(({ key }) => key === prefix + PIN_NAME) ? { pinned: true } : {}),
    ...listsOf(set, manifest),
  }
}

const VERIFICATION_FORMAT = 'ops.verification/1'

type Json = Readonly<Record<string, unknown>>

function problemOf(set: SetFolder, manifest: Json | undefined, texts: SetTexts): string | undefined {
  if (texts.manifest === undefined) return undefined
  if (manifest === undefined) return `its ${MANIFEST_NAME} is not JSON`
  if (!Array.isArray(manifest['objects'])) return `its ${MANIFEST_NAME} does not list its objects`
  const sizes = new Map(set.objects.map((object) => [object.key, object.size]))
  for (const entry of manifest['objects'] as unknown[]) {
    const problem = objectProblem(entry, set.folder, sizes)
    if (problem !== undefined) return problem
  }
  return texts.verification === undefined ? undefined : drillProblem(texts)
}

function objectProblem(
  entry: unknown,
  folder: string,
  sizes: ReadonlyMap<string, number>,
): string | undefined {
  const { name, key, storedBytes } = isJson(entry) ? entry : {}
  const place = typeof name === 'string' ? `${folder}/${name}` : key
  if (typeof place !== 'string' || typeof storedBytes !== 'number')
    return `its ${MANIFEST_NAME} lists an object without name or size`
  const size = sizes.get(place)
  if (size === undefined) return `${JSON.stringify(place)} is missing`
  return size === storedBytes
    ? undefined
    : `${JSON.stringify(place)} has ${size} bytes instead of ${storedBytes}`
}

/**
 * What `@ops/restore-verify` found out. A record that says nothing that is known says nothing good, so
 * only `proven` leaves the set good; one of another manifest is of another backup, and says nothing here.
 */
function drillProblem({ manifest = '', verification = '' }: SetTexts): string | undefined {
  const { format, verdict, manifestSha256 } = parseObject(verification) ?? {}
  if (format !== VERIFICATION_FORMAT)
    return `its ${VERIFICATION_NAME} is not in the format ${VERIFICATION_FORMAT}`
  const isOfOther = manifestSha256 !== undefined && manifestSha256 !== sha256(manifest)
  if (verdict === 'proven' || isOfOther) return undefined
  if (verdict === 'disproven') return 'its restore drill brought back something else'
  return `its ${VERIFICATION_NAME} has no verdict that is known`
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function timeOfSet(
  set: SetFolder,
  manifest: Json | undefined,
  lastModified: string,
): Pick<RetentionItem, 'time' | 'timeSource'> {
  if (set.idTimeMs !== undefined) return { time: new Date(set.idTimeMs).toISOString(), timeSource: 'id' }
  const startedMs = Date.parse(String(manifest?.['startedAt']))
  if (!Number.isNaN(startedMs)) return { time: new Date(startedMs).toISOString(), timeSource: 'manifest' }
  return { time: lastModified, timeSource: 'lastModified' }
}

/** `tags` and `requires` of the manifest; what it requires is a sibling's id, or a set's whole folder. */
function listsOf(set: SetFolder, manifest: Json | undefined): Pick<RetentionItem, 'tags' | 'requires'> {
  const tags = stringsOf(manifest?.['tags'])
  const requires = stringsOf(manifest?.['requires']).map((id) =>
    id.includes('/') ? id : `${set.group}/${id}`,
  )
  return { ...(tags.length === 0 ? {} : { tags }), ...(requires.length === 0 ? {} : { requires }) }
}

function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
}

function parseObject(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isJson(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function rankOf(key: string, prefix: string): number {
  if (key === prefix + MANIFEST_NAME) return 0
  return key === prefix + NOTE_NAME ? 2 : 1
}

function newestOf(objects: readonly StoredObject[]): string {
  return objects.reduce((newest, { lastModified }) => (lastModified > newest ? lastModified : newest), '')
}

function isHalfDeleted(
  { folder }: SetFolder,
  { manifest, note }: SetTexts,
  content: readonly StoredObject[],
): boolean {
  return manifest === undefined && note !== undefined && isNoteOf(note, folder, content)
}
