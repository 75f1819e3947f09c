import { readOid, readSequence, readText, TAG, writeElement, type DerElement } from './der.ts'

/** One attribute of a name, `2.5.4.3` = `example.com`. */
export interface NameAttribute {
  readonly oid: string
  readonly value: string
}

/** Attributes with a short name, in the order in which they are printed. */
const PRINTED = [
  ['2.5.4.5', 'SERIALNUMBER'],
  ['2.5.4.3', 'CN'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.10', 'O'],
  ['2.5.4.17', 'POSTALCODE'],
  ['2.5.4.9', 'STREET'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.6', 'C'],
] as const
const SHORT_NAMES: ReadonlyMap<string, string> = new Map(PRINTED)
/** Of these the last one counts; of the others all do. */
const SINGLE_VALUED: ReadonlySet<string> = new Set(['2.5.4.3', '2.5.4.5'])

/** Reads an X.501 Name; values that are not text are left out. */
export function readName(element: DerElement | undefined): NameAttribute[] {
  return readSequence(element).flatMap((set) =>
    readSequence(set, TAG.set).flatMap((attribute) => {
      const [type, value] = readSequence(attribute)
      const text = value === undefined ? undefined : readText(value)
      return text === undefined ? [] : [{ oid: readOid(type), value: text }]
    }),
  )
}

/** The values of one attribute. */
export function attributeValues(name: readonly NameAttribute[], oid: string): string[] {
  return name.filter((attribute) => attribute.oid === oid).map((attribute) => attribute.value)
}

/**
 * The name as blackbox_exporter (Go's `pkix.Name.String()`) prints it, so that labels compare equal:
 * known attributes in a fixed order whatever the certificate's own, several values of one joined by
 * `+`, unknown attributes last, as hexadecimal DER.
 */
export function formatName(name: readonly NameAttribute[]): string {
  const known = PRINTED.flatMap(([oid, shortName]) => {
    const values = attributeValues(name, oid)
    const printed = SINGLE_VALUED.has(oid) ? values.slice(-1) : values
    // A common name or serial number of no characters counts as absent.
    if (printed.length === 0 || (SINGLE_VALUED.has(oid) && printed[0] === '')) return []
    return [printed.map((value) => `${shortName}=${escapeValue(value)}`).join('+')]
  })
  const unknown = name
    .filter((attribute) => !SHORT_NAMES.has(attribute.oid))
    .map((attribute) => `${attribute.oid}=#${encodeText(attribute.value).toString('hex')}`)
  return [...known, ...unknown.toReversed()].join(',')
}

/** RFC 4514, section 2.4. */
function escapeValue(value: string): string {
  return value.replace(/[,+"\\<>;]|^[ #]| $/g, '\\$&')
}

function encodeText(value: string): Buffer {
  const isPrintable = /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value)
  return writeElement(isPrintable ? 0x13 : 0x0c, Buffer.from(value, 'utf8'))
}
