import { createHash } from 'node:crypto'
import { minorOf, type ArchiveFormat, type ArchiveHeader } from './archive-header.ts'
import type { ByteSource, Reading } from './byte-source.ts'

/** One thing in an archive's table of contents. */
export interface TocEntry {
  /** pg_dump's number for it, which differs from dump to dump. */
  dumpId: number
  /** What pg_dump calls the kind of object: `TABLE`, `FK CONSTRAINT`, `COMMENT`, … */
  type: string
  /** Empty where the object is in no schema. */
  schema: string
  name: string
  owner: string
  section: 'none' | 'pre-data' | 'data' | 'post-data'
  tablespace: string
  accessMethod: string
  /** The numbers of the entries that it needs. */
  dependencies: number[]
  /** Whether data blocks belong to it. */
  hasData: boolean
  /** Where the data begin, if pg_dump could say (it cannot when it writes into a pipe). */
  dataOffset?: number
  /** The file of a directory archive that has its data, or that lists them. */
  fileName?: string
  /** The COPY statement that its rows are for. */
  copyStatement?: string
  /** `sha256:` of type, definition and access method; absent where there is no definition. */
  definitionDigest?: string
  /** The values that a sequence is set to: `42,t`. */
  sequenceValue?: string
}

const SECTIONS = ['none', 'pre-data', 'data', 'post-data'] as const
const RELKIND_SINCE = 16

/** Reads one entry of `ReadToc` of pg_backup_archiver.c. */
export function* readTocEntry(
  source: ByteSource,
  header: ArchiveHeader,
  format: ArchiveFormat,
): Reading<TocEntry> {
  const dumpId = yield* source.int()
  if (dumpId < 1) throw source.corrupt(`an entry of the table of contents has the number ${dumpId}`)
  const hasData = yield* readFlag(source, dumpId)
  yield* readNumeral(source, 'a catalog number')
  yield* readNumeral(source, 'an object number')
  const name = (yield* source.text("an object's name")) ?? ''
  const type = yield* source.text("an object's type")
  if (type === undefined || type === '')
    throw source.corrupt(`entry ${dumpId} of the table of contents has no type`)
  const section = SECTIONS[(yield* source.int()) - 1]
  if (section === undefined)
    throw source.corrupt(`entry ${dumpId} of the table of contents is in no known section`)

  const definition = yield* readDefinition(source, type)
  yield* source.field(ignore) // How to drop it: nothing that the definition does not say.
  const copyStatement = yield* source.text('a COPY statement')
  const schema = (yield* source.text("a schema's name")) ?? ''
  const tablespace = (yield* source.text("a tablespace's name")) ?? ''
  const accessMethod = (yield* source.text("an access method's name")) ?? ''
  if (minorOf(header) >= RELKIND_SINCE) yield* source.int()
  const owner = (yield* source.text("an owner's name")) ?? ''
  yield* readWithOids(source, dumpId)
  const dependencies = yield* readDependencies(source)
  const place =
    format === 'custom'
      ? yield* readDataOffset(source, header, { dumpId, hasData })
      : yield* readFileName(source, { dumpId, hasData })

  return {
    dumpId,
    type,
    schema,
    name,
    owner,
    section,
    tablespace,
    accessMethod,
    dependencies,
    hasData,
    ...place,
    ...(copyStatement === undefined || copyStatement === '' ? {} : { copyStatement }),
    ...definition(accessMethod),
  }
}

type Definition = Pick<TocEntry, 'definitionDigest' | 'sequenceValue'>

/** Definitions are hashed as they pass, never held: a function's body or a table's statistics may be large. */
function* readDefinition(source: ByteSource, type: string): Reading<(accessMethod: string) => Definition> {
  if (type === 'SEQUENCE SET') {
    const sequenceValue = yield* readSequenceValue(source)
    return () => ({ sequenceValue })
  }
  const hash = createHash('sha256').update(`${type}\0`)
  let bytes = 0
  yield* source.field((piece) => {
    hash.update(piece)
    bytes += piece.length
  })
  if (bytes === 0) return () => ({})
  return (accessMethod) => ({ definitionDigest: `sha256:${hash.update(`\0${accessMethod}`).digest('hex')}` })
}

function* readSequenceValue(source: ByteSource): Reading<string> {
  const statement = (yield* source.text("a sequence's value")) ?? ''
  const call = /, (-?\d+), (true|false)\);\s*$/.exec(statement)
  if (call === null) throw source.corrupt("a sequence's value is not set by a call of setval")
  return `${call[1]},${call[2] === 'true' ? 't' : 'f'}`
}

function* readFlag(source: ByteSource, dumpId: number): Reading<boolean> {
  const flag = yield* source.int()
  if (flag === 0 || flag === 1) return flag === 1
  throw source.corrupt(`entry ${dumpId} of the table of contents says ${flag} of whether it has data`)
}

function* readNumeral(source: ByteSource, what: string): Reading<void> {
  const text = (yield* source.text(what, 64)) ?? ''
  if (!/^\d{1,10}$/.test(text)) throw source.corrupt(`${what} in the table of contents is no number`)
}

function* readWithOids(source: ByteSource, dumpId: number): Reading<void> {
  const text = yield* source.text('a WITH OIDS flag', 64)
  if (text !== 'false')
    throw source.corrupt(
      `entry ${dumpId} of the table of contents is of a table WITH OIDS, which PostgreSQL 12 ended`,
    )
}

function* readDependencies(source: ByteSource): Reading<number[]> {
  const dependencies: number[] = []
  for (;;) {
    const text = yield* source.text('a dependency', 64)
    if (text === undefined) return dependencies
    if (!/^\d{1,10}$/.test(text)) throw source.corrupt('a dependency in the table of contents is no number')
    dependencies.push(Number(text))
  }
}

const OFFSET_UNKNOWN = 1
const OFFSET_KNOWN = 2
const NO_DATA = 3

function* readDataOffset(
  source: ByteSource,
  header: ArchiveHeader,
  { dumpId, hasData }: { dumpId: number; hasData: boolean },
): Reading<Pick<TocEntry, 'dataOffset'>> {
  const state = yield* source.byte()
  let offset = 0
  for (let index = 0; index < header.offsetBytes; index++) offset += (yield* source.byte()) * 256 ** index
  if (state < OFFSET_UNKNOWN || state > NO_DATA || (state === NO_DATA) === hasData) {
    throw source.corrupt(`entry ${dumpId} of the table of contents contradicts itself about its data`)
  }
  return state === OFFSET_KNOWN ? { dataOffset: offset } : {}
}

function* readFileName(
  source: ByteSource,
  { dumpId, hasData }: { dumpId: number; hasData: boolean },
): Reading<Pick<TocEntry, 'fileName'>> {
  const fileName = (yield* source.text("a file's name", 256)) ?? ''
  if ((fileName !== '') !== hasData)
    throw source.corrupt(`entry ${dumpId} of the table of contents contradicts itself about its data`)
  return fileName === '' ? {} : { fileName }
}

function ignore(): void {}
