import fc from 'fast-check'

/** Text as people and programs write it, and what a dump's format has a meaning for. */
const oddText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.replaceAll('\0', '')),
  fc.constantFrom(
    '',
    '\\.',
    '\\N',
    '\\',
    'NULL',
    '\t',
    'a\nb',
    '\r\n',
    `'`,
    '"',
    '$$',
    '--',
    '%s',
    '\u0085',
    '\uFEFF',
    ' ',
  ),
)

const literal = (text: string): string => `'${text.replaceAll(`'`, `''`)}'`
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** The end of a name: the beginning is a number of ours, so that names differ; 63 bytes are not reached. */
const nameTail = oddText.filter((text) => Buffer.byteLength(text) <= 40)

interface ColumnType {
  readonly sql: string
  /** An SQL expression. */
  readonly value: fc.Arbitrary<string>
}

const type = (sql: string, value: fc.Arbitrary<string>): ColumnType => ({ sql, value: value.map(literal) })

const arrayElement = fc
  .option(oddText, { nil: undefined, freq: 4 })
  .map((text) => (text === undefined ? 'NULL' : `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`))
const instant = fc
  .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true })
  .map((date) => date.toISOString())
const integerUpTo = (bits: bigint): fc.Arbitrary<string> =>
  fc.bigInt({ min: -(2n ** (bits - 1n)), max: 2n ** (bits - 1n) - 1n }).map(String)
const bytes = fc.uint8Array({ maxLength: 40 }).map((all) => `\\x${Buffer.from(all).toString('hex')}`)
const json = fc.json({ maxDepth: 2, stringUnit: 'grapheme' }).filter((text) => !text.includes('\\u0000'))

const TYPES: readonly ColumnType[] = [
  type('smallint', integerUpTo(16n)),
  type('integer', integerUpTo(32n)),
  type('bigint', integerUpTo(64n)),
  type(
    'numeric',
    fc.oneof(
      fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map((n) => `${n}.${n < 0n ? -n : n}`),
      fc.constantFrom('NaN', '0.000'),
    ),
  ),
  type(
    'numeric(12, 2)',
    fc.integer().map((cents) => (cents / 100).toFixed(2)),
  ),
  type('real', fc.float().map(String)),
  type(
    'double precision',
    fc.double().map((number) => (Object.is(number, -0) ? '-0' : String(number))),
  ),
  type('boolean', fc.boolean().map(String)),
  type('text', oddText),
  type('varchar(20)', oddText),
  type('char(20)', oddText),
  type('bytea', bytes),
  type('uuid', fc.uuid()),
  type('json', json),
  type('jsonb', json),
  type(
    'date',
    fc.oneof(
      instant.map((text) => text.slice(0, 10)),
      fc.constantFrom('infinity', '-infinity', '0044-03-15 BC'),
    ),
  ),
  type(
    'timestamp',
    fc.oneof(
      instant.map((text) => text.replace('Z', '')),
      fc.constantFrom('infinity', '-infinity'),
    ),
  ),
  type('timestamptz', fc.oneof(instant, fc.constantFrom('infinity', '2026-10-25 02:30:00+02'))),
  type('time', fc.constantFrom('00:00', '23:59:59.999999', '24:00')),
  type(
    'interval',
    fc
      .tuple(fc.integer({ min: -99, max: 99 }), fc.integer({ min: -99, max: 99 }))
      .map(([m, s]) => `${m} months ${s}.5 seconds`),
  ),
  type('inet', fc.oneof(fc.ipV4(), fc.constantFrom('::1', '10.0.0.1/8'))),
  type('macaddr', fc.constantFrom('08:00:2b:01:02:03', 'ff:ff:ff:ff:ff:ff')),
  type('point', fc.constantFrom('(1,-2)', '(0.1,1e-300)')),
  type('int4range', fc.constantFrom('[1,5)', 'empty', '(,)', '[3,)')),
  type('bit varying(16)', fc.string({ unit: fc.constantFrom('0', '1'), maxLength: 16 })),
  type('tsvector', fc.constantFrom('a:1 fat:2 cat:3', '', `'with space':1A`)),
  type(
    'text[]',
    fc.array(arrayElement, { maxLength: 4 }).map((all) => `{${all.join(',')}}`),
  ),
  type('integer[]', fc.constantFrom('{}', '{1,NULL,3}', '{{1,2},{3,4}}', '[5:6]={7,8}')),
  type('mood', fc.constantFrom('so so', `it's "fine"`, 'été')),
  type('positive', fc.integer({ min: 1 }).map(String)),
  {
    sql: 'pair',
    value: fc.tuple(integerUpTo(32n), oddText).map(([a, b]) => `ROW(${literal(a)}, ${literal(b)})::pair`),
  },
  {
    sql: 'pair[]',
    value: fc
      .tuple(integerUpTo(32n), oddText)
      .map(([a, b]) => `ARRAY[ROW(${literal(a)}, ${literal(b)})::pair, NULL]`),
  },
]

/** What the columns above need. */
const PRELUDE = [
  `CREATE TYPE mood AS ENUM ('so so', 'it''s "fine"', 'été')`,
  'CREATE DOMAIN positive AS integer CHECK (VALUE > 0)',
  'CREATE TYPE pair AS (a integer, "B" text)',
]

interface Column {
  readonly tail: string
  readonly type: ColumnType
  readonly notNull: boolean
  readonly hasDefault: boolean
}

interface Table {
  readonly tail: string
  readonly schema: number
  readonly kind: 'plain' | 'unlogged' | 'list' | 'range' | 'hash'
  readonly columns: readonly Column[]
  /** SQL expressions, one for each column. */
  readonly rows: readonly (readonly string[])[]
  readonly hasKey: boolean
  /** To the key of an earlier table, when there is one. */
  readonly isReferring: boolean
  readonly extras: readonly Extra[]
  readonly comment?: string
}

const EXTRAS = [
  'check',
  'unique',
  'index',
  'view',
  'matview',
  'trigger',
  'policy',
  'generated',
  'identity',
  'inherit',
] as const
type Extra = (typeof EXTRAS)[number]

const column: fc.Arbitrary<Column> = fc.record({
  tail: nameTail,
  type: fc.constantFrom(...TYPES),
  notNull: fc.boolean(),
  hasDefault: fc.boolean(),
})

const table: fc.Arbitrary<Table> = fc.array(column, { maxLength: 5 }).chain((columns) =>
  fc.record(
    {
      tail: nameTail,
      schema: fc.nat(2),
      kind: fc.constantFrom('plain', 'plain', 'unlogged', 'list', 'range', 'hash'),
      columns: fc.constant(columns),
      rows: fc.array(
        fc.tuple(
          ...columns.map(({ type: { value }, notNull }) =>
            notNull ? value : fc.option(value, { nil: 'NULL', freq: 4 }),
          ),
        ),
        { maxLength: 12 },
      ),
      hasKey: fc.boolean(),
      isReferring: fc.boolean(),
      extras: fc.uniqueArray(fc.constantFrom(...EXTRAS), { maxLength: 3 }),
      comment: oddText,
    },
    { requiredKeys: ['tail', 'schema', 'kind', 'columns', 'rows', 'hasKey', 'isReferring', 'extras'] },
  ),
)

/** SQL that fills an empty database with tables, rows, and whatever hangs on them. */
export const randomDatabase: fc.Arbitrary<readonly string[]> = fc
  .record({
    schemas: fc.tuple(nameTail, nameTail),
    tables: fc.array(table, { minLength: 1, maxLength: 4 }),
    sequence: fc.option(fc.bigInt({ min: 1n, max: 2n ** 63n - 1n })),
    largeObjects: fc.array(bytes, { maxLength: 2 }),
    functionBody: fc.option(oddText),
  })
  .map(({ schemas, tables, sequence, largeObjects, functionBody }) => {
    const schemaNames = ['public', ...schemas.map((tail, index) => quoted(`s${index}${tail}`))]
    const keyed: string[] = []
    return [
      ...PRELUDE,
      ...schemaNames.slice(1).map((name) => `CREATE SCHEMA ${name}`),
      ...tables.flatMap((each, index) => renderTable(each, index, schemaNames, keyed)),
      ...(sequence === null
        ? []
        : ['CREATE SEQUENCE "a Sequence"', `SELECT setval('"a Sequence"', ${sequence})`]),
      ...largeObjects.map((content) => `SELECT lo_from_bytea(0, ${literal(content)})`),
      ...(functionBody === null
        ? []
        : [
            `CREATE FUNCTION odd() RETURNS text LANGUAGE sql AS ${literal(`SELECT ${literal(functionBody)}::text`)}`,
          ]),
    ]
  })

/** `keyed` are the tables before this one that have a key; this one is added when it has one. */
function renderTable(table: Table, index: number, schemas: readonly string[], keyed: string[]): string[] {
  const schema = schemas[table.schema]!
  const name = `${schema}.${quoted(`t${index}${table.tail}`)}`
  const isPartitioned = table.kind === 'list' || table.kind === 'range' || table.kind === 'hash'
  const hasKey = table.hasKey && !isPartitioned
  const target = table.isReferring ? keyed.at(-1) : undefined
  const names = table.columns.map(({ tail }, at) => quoted(`c${at}${tail}`))
  const definitions = [
    ...table.columns.map(
      ({ type: { sql }, notNull, hasDefault }, at) =>
        `${names[at]} ${sql}${hasDefault && table.rows[0] !== undefined ? ` DEFAULT ${table.rows[0][at]}` : ''}${notNull ? ' NOT NULL' : ''}`,
    ),
    ...(hasKey ? ['id integer PRIMARY KEY'] : []),
    ...(isPartitioned ? ['bucket integer NOT NULL'] : []),
    ...(target === undefined ? [] : [`ref integer REFERENCES ${target} ON DELETE CASCADE DEFERRABLE`]),
  ]
  const rows = table.rows.map((values, row) => [
    ...values,
    ...(hasKey ? [String(row)] : []),
    ...(isPartitioned ? [String(row % 4)] : []),
    // The first row of the other table, if that has one; otherwise nothing could be referred to.
    ...(target === undefined ? [] : [`(SELECT min(id) FROM ${target})`]),
  ])
  // A table that is logged may not refer to one that is not.
  if (hasKey && table.kind === 'plain') keyed.push(name)
  return [
    `CREATE ${table.kind === 'unlogged' ? 'UNLOGGED ' : ''}TABLE ${name} (${definitions.join(', ')})${isPartitioned ? ` PARTITION BY ${table.kind} (bucket)` : ''}`,
    ...(isPartitioned ? partitions(table.kind, name, `${schema}.${quoted(`p${index}${table.tail}`)}`) : []),
    ...rows.map((values) =>
      values.length === 0
        ? `INSERT INTO ${name} DEFAULT VALUES`
        : `INSERT INTO ${name} VALUES (${values.join(', ')})`,
    ),
    ...(table.comment === undefined ? [] : [`COMMENT ON TABLE ${name} IS ${literal(table.comment)}`]),
    ...(table.comment === undefined || names[0] === undefined
      ? []
      : [`COMMENT ON COLUMN ${name}.${names[0]} IS ${literal(table.comment)}`]),
    // In one order: a table that has heirs gets no identity any more.
    ...EXTRAS.filter((extra) => table.extras.includes(extra)).flatMap((extra) =>
      renderExtra(extra, name, index, { hasKey, isPartitioned }),
    ),
  ]
}

function partitions(kind: Table['kind'], parent: string, name: string): string[] {
  const part = (suffix: string, bounds: string): string =>
    `CREATE TABLE ${name.slice(0, -1)}${suffix}" PARTITION OF ${parent} ${bounds}`
  if (kind === 'list') return [part('a', 'FOR VALUES IN (0, 1)'), part('b', 'DEFAULT')]
  if (kind === 'range')
    return [part('a', 'FOR VALUES FROM (MINVALUE) TO (2)'), part('b', 'FOR VALUES FROM (2) TO (9)')]
  return [
    part('a', 'FOR VALUES WITH (MODULUS 2, REMAINDER 0)'),
    part('b', 'FOR VALUES WITH (MODULUS 2, REMAINDER 1)'),
  ]
}

function renderExtra(
  extra: Extra,
  table: string,
  index: number,
  { hasKey, isPartitioned }: { hasKey: boolean; isPartitioned: boolean },
): string[] {
  const statements: Record<Extra, string[]> = {
    check: [`ALTER TABLE ${table} ADD CONSTRAINT "is ""true"" ${index}" CHECK (1 < 2)`],
    unique: hasKey ? [`ALTER TABLE ${table} ADD CONSTRAINT "one of ${index}" UNIQUE (id)`] : [],
    index: hasKey ? [`CREATE INDEX "some %s ${index}" ON ${table} ((id + 1)) WHERE id > 3`] : [],
    view: [`CREATE VIEW "view ${index}" AS SELECT count(*) AS "How Many" FROM ${table}`],
    matview: [`CREATE MATERIALIZED VIEW "matview ${index}" AS SELECT count(*) FROM ${table}`],
    trigger: [
      `CREATE FUNCTION trigger_${index}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
      `CREATE TRIGGER "before ${index}" BEFORE UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION trigger_${index}()`,
    ],
    policy: [
      `ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`,
      `CREATE POLICY "only ${index}" ON ${table} USING (true)`,
      `GRANT SELECT ON ${table} TO PUBLIC`,
    ],
    generated: hasKey
      ? [`ALTER TABLE ${table} ADD COLUMN twice bigint GENERATED ALWAYS AS (id::bigint * 2) STORED`]
      : [],
    identity: isPartitioned
      ? []
      : [`ALTER TABLE ${table} ADD COLUMN serial_no bigint GENERATED BY DEFAULT AS IDENTITY`],
    inherit: isPartitioned ? [] : [`CREATE TABLE "heir ${index}" (extra text) INHERITS (${table})`],
  }
  return statements[extra]
}
