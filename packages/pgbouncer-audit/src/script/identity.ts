import { driverOfPackage, driverOfType, type Driver, type Role } from './drivers.ts'
import { opensDirectly } from './direct.ts'
import type { Binding, Scopes } from './scopes.ts'
import { ancestors, isFunction, keyName, memberName, unwrap, type Node, type Syntax } from './syntax.ts'

/** What is known of a value that may talk to a database. */
export interface Identity {
  readonly driver: Driver
  readonly role: Role
  /** The name taken from the library: `Pool` of `import { Pool } from 'pg'`. */
  readonly member?: string
  /** The package it comes from. */
  readonly source?: string
  /** The library over which an ORM talks: `pg` for `drizzle-orm/node-postgres`. */
  readonly over?: Driver
  /** The expression that opened the connection, in this file. */
  readonly origin?: Node
  /** It goes past PgBouncer, by the name of its URL. */
  readonly isDirect?: boolean
}

export interface Identifier {
  identify(node: Node): Identity | undefined
}

/** Finds what a module exports under a name; `undefined` where the module is not of this project. */
export type ResolveExport = (specifier: string, name: string) => Identity | undefined

const MAX_DEPTH = 14

/** Methods whose result is still the same connection. */
const SAME = new Set([
  'extend',
  '$extends',
  'withSchema',
  'withPlugin',
  '$on',
  'bind',
  'withPlugins',
  'connection',
  'getConnection',
  'getKnex',
  'getDriver',
  'fork',
  'getDb',
  'type',
  'debug',
])
/** Methods that check a connection out. */
const CHECK_OUT = new Set([
  'connect',
  'acquire',
  'reserve',
  'acquireConnection',
  'getClient',
  'createQueryRunner',
])
/** Methods whose callback gets a transaction. */
export const TRANSACTION_METHODS: ReadonlySet<string> = new Set([
  'transaction',
  '$transaction',
  'begin',
  'tx',
  'txIf',
  'transactional',
  'savepoint',
  'withTransaction',
  'inTransaction',
  'runInTransaction',
  'executeInTransaction',
  'useTransaction',
  'doTransaction',
  'runTransaction',
  'dbTransaction',
  'withTx',
  'inTx',
  'asTransaction',
  'beginTransaction',
  'runInTx',
  'withinTransaction',
  'executeTransaction',
])

/** Tells drivers apart by where their values come from: imports, constructors, parameters, types. */
export function createIdentifier(
  source: string,
  syntax: Syntax,
  scopes: Scopes,
  resolveExport: ResolveExport,
): Identifier {
  const cache = new Map<Node, Identity | undefined>()
  const fields = new Map<Node, Map<string, Identity | undefined>>()
  let assignments: Map<string, (Node & { type: 'AssignmentExpression' })[]> | undefined

  function identify(node: Node, depth = 0): Identity | undefined {
    const bare = unwrap(node)
    if (depth > MAX_DEPTH) return undefined
    if (cache.has(bare)) return cache.get(bare)
    cache.set(bare, undefined)
    const identity = identifyBare(bare, depth + 1)
    cache.set(bare, identity)
    return identity
  }

  function identifyBare(node: Node, depth: number): Identity | undefined {
    switch (node.type) {
      case 'Identifier': {
        if (node.name === 'Bun') return { driver: 'bun', role: 'module' }
        const binding = scopes.resolve(node)
        return binding === undefined ? undefined : identifyBinding(binding, depth)
      }
      case 'MemberExpression':
        return identifyMember(node, depth)
      case 'NewExpression':
        return opened(identify(node.callee, depth), node)
      case 'CallExpression':
        return identifyCall(node, depth)
      case 'TaggedTemplateExpression':
        return identify(node.tag, depth)
      case 'LogicalExpression':
        return identify(node.right, depth) ?? identify(node.left, depth)
      case 'ConditionalExpression':
        return identify(node.consequent, depth) ?? identify(node.alternate, depth)
      case 'AssignmentExpression':
        return identify(node.right, depth)
      default:
        return undefined
    }
  }

  function identifyBinding(binding: Binding, depth: number): Identity | undefined {
    const { declaration } = binding
    if (binding.kind === 'import') return identifyImport(declaration)
    if (binding.kind === 'parameter') return typeOf(binding.identifier) ?? identifyParameter(binding, depth)
    if (declaration.type === 'VariableDeclarator') {
      const typed = typeOf(declaration.id)
      const base =
        declaration.init === null ? assignedValue(binding, depth) : identify(declaration.init, depth)
      if (base === undefined) return typed
      return binding.path.length === 0 ? base : memberOf(base, binding.path.at(-1)!)
    }
    if (declaration.type === 'FunctionDeclaration') return returned(declaration, depth)
    return undefined
  }

  /** `let pool; … pool = new Pool()`. */
  function assignedValue(binding: Binding, depth: number): Identity | undefined {
    for (const reference of scopes.references(binding)) {
      const parent = syntax.parent(reference)
      if (parent?.type === 'AssignmentExpression' && parent.left === reference) {
        const identity = identify(parent.right, depth)
        if (identity !== undefined) return identity
      }
    }
    return undefined
  }

  function identifyImport(specifier: Node): Identity | undefined {
    const declaration = syntax.parent(specifier)
    if (declaration?.type !== 'ImportDeclaration') return undefined
    const source = declaration.source.value
    const name =
      specifier.type === 'ImportSpecifier' && 'name' in specifier.imported
        ? specifier.imported.name
        : 'default'
    return fromModule(source, specifier.type === 'ImportNamespaceSpecifier' ? '*' : name)
  }

  function fromModule(source: string, name: string): Identity | undefined {
    const driver = driverOfPackage(source)
    if (driver === undefined) return resolveExport(source, name)
    if (driver === 'bun')
      return name === 'sql' || name === 'postgres'
        ? { driver, role: 'pool' }
        : { driver, role: 'module', member: name }
    const identity: Identity = {
      driver,
      role: 'module',
      source,
      ...(driver === 'drizzle' ? { over: drizzleOver(source) } : {}),
    }
    return name === 'default' || name === '*' ? identity : memberOf(identity, name)
  }

  function memberOf(base: Identity, name: string): Identity {
    if (base.role === 'module') {
      if (base.source === '@vercel/postgres' && (name === 'sql' || name === 'db'))
        return { ...base, role: 'pool', member: name }
      return { ...base, member: name }
    }
    return base.driver === 'pg-promise' ? { ...base, member: name } : base
  }

  function identifyMember(node: Node & { type: 'MemberExpression' }, depth: number): Identity | undefined {
    const name = keyName(node.property, node.computed)
    if (node.object.type === 'ThisExpression')
      return name === undefined ? undefined : identifyField(node, name, depth)
    const base = identify(node.object, depth)
    if (base === undefined || name === undefined) return base
    return base.role === 'module' && name !== 'default' ? memberOf(base, name) : base
  }

  /** `this.pool`: by its type, its initial value, the constructor's parameter, or an assignment. */
  function identifyField(node: Node, name: string, depth: number): Identity | undefined {
    for (const ancestor of ancestors(syntax, node)) {
      if (ancestor.type !== 'ClassBody') continue
      const known = fields.get(ancestor) ?? new Map<string, Identity | undefined>()
      fields.set(ancestor, known)
      if (!known.has(name)) {
        known.set(name, undefined)
        known.set(name, fieldOf(ancestor, name, depth))
      }
      return known.get(name)
    }
    return undefined
  }

  function fieldOf(
    classBody: Node & { type: 'ClassBody' },
    name: string,
    depth: number,
  ): Identity | undefined {
    for (const member of classBody.body) {
      if (member.type === 'PropertyDefinition' && keyName(member.key, member.computed) === name) {
        const identity = typeOf(member) ?? (member.value === null ? undefined : identify(member.value, depth))
        if (identity !== undefined) return identity
      }
      if (member.type === 'MethodDefinition' && member.kind === 'constructor') {
        const identity = constructorField(member.value, name)
        if (identity !== undefined) return identity
      }
    }
    return assignedField(classBody, name, depth)
  }

  function constructorField(constructor: Node, name: string): Identity | undefined {
    if (!('params' in constructor)) return undefined
    for (const parameter of constructor.params as readonly Node[]) {
      if (parameter.type !== 'TSParameterProperty') continue
      const { parameter: inner } = parameter
      const identifier = inner.type === 'AssignmentPattern' ? inner.left : inner
      if (identifier.type === 'Identifier' && identifier.name === name) return typeOf(identifier)
    }
    return undefined
  }

  function assignedField(classBody: Node, name: string, depth: number): Identity | undefined {
    for (const { right, start, end } of fieldAssignments().get(name) ?? []) {
      if (start < classBody.start || end > classBody.end) continue
      const identity = identify(right, depth)
      if (identity !== undefined) return identity
    }
    return undefined
  }

  /** Every `this.name = …`, by name; collected once. */
  function fieldAssignments(): ReadonlyMap<string, readonly (Node & { type: 'AssignmentExpression' })[]> {
    if (assignments !== undefined) return assignments
    assignments = new Map()
    for (const node of syntax.nodes) {
      if (node.type !== 'AssignmentExpression' || node.left.type !== 'MemberExpression') continue
      const { left } = node
      const name = left.object.type === 'ThisExpression' ? keyName(left.property, left.computed) : undefined
      if (name !== undefined) assignments.set(name, [...(assignments.get(name) ?? []), node])
    }
    return assignments
  }

  function identifyCall(node: Node & { type: 'CallExpression' }, depth: number): Identity | undefined {
    const callee = unwrap(node.callee)
    if (callee.type === 'Identifier' && callee.name === 'require') {
      const [argument] = node.arguments
      return argument?.type === 'Literal' && typeof argument.value === 'string'
        ? fromModule(argument.value, '*')
        : undefined
    }
    if (callee.type === 'MemberExpression') {
      const base = identify(callee.object, depth)
      const name = memberName(callee)
      if (base === undefined || name === undefined) return undefined
      if (base.role === 'module') return opened(memberOf(base, name), node)
      if (CHECK_OUT.has(name) && base.role === 'pool') return { ...base, role: 'client' }
      if (SAME.has(name)) return base
      if (name === 'transaction' || name === '$transaction' || name === 'startTransaction')
        return { ...base, role: 'transaction' }
      return { ...base, role: 'query' }
    }
    const base = identify(callee, depth)
    if (base === undefined) return undefined
    if (base.role === 'module') return opened(base, node)
    return base
  }

  /** A module's factory or constructor was called: what comes out is a connection. */
  function opened(base: Identity | undefined, node: Node): Identity | undefined {
    if (base === undefined) return undefined
    if (base.role !== 'module') return base
    if (speaksOtherDialect(node)) return { driver: 'other-database', role: 'pool' }
    const isDirect = opensDirectly(node, source, syntax, scopes)
    const withOrigin = { ...base, origin: node, isDirect }
    const member = base.member ?? 'default'
    switch (base.driver) {
      case 'pg':
        if (/neon$/i.test(member) && base.source === '@neondatabase/serverless')
          return { ...withOrigin, driver: 'postgres-http', role: 'pool' }
        return member.endsWith('Client') ? { ...withOrigin, role: 'client' } : { ...withOrigin, role: 'pool' }
      case 'pg-promise':
        // `pgp = pgPromise(options)` is still the library; `pgp(connection)` is the database.
        return base.origin === undefined ? withOrigin : { ...withOrigin, role: 'pool' }
      case 'drizzle':
        return member === 'drizzle' || member === 'default' ? { ...withOrigin, role: 'pool' } : undefined
      case 'kysely':
        return member === 'Kysely' ? { ...withOrigin, role: 'pool' } : withOrigin
      case 'prisma':
        return member.endsWith('Client') ? { ...withOrigin, role: 'pool' } : undefined
      default:
        return { ...withOrigin, role: 'pool' }
    }
  }

  /** `knex({ client: 'mysql2' })`, `new SQL('sqlite://…')`. */
  function speaksOtherDialect(node: Node): boolean {
    const text = source.slice(node.start, Math.min(node.end, node.start + 2000))
    return (
      /\b(?:client|dialect|type|adapter)\s*:\s*['"`](?:mysql2?|mariadb|(?:better-)?sqlite3?|mssql|oracledb?|snowflake|cockroachdb|libsql)['"`]/.test(
        text,
      ) || /^[^(]*\(\s*['"`](?:sqlite|mysql2?|mariadb|file|mssql|:memory:)/.test(text)
    )
  }

  /** A parameter of a callback gets what its caller hands out. */
  function identifyParameter(binding: Binding, depth: number): Identity | undefined {
    const callback = binding.declaration
    const call = syntax.parent(callback)
    if (call?.type !== 'CallExpression' || call.callee === callback) return undefined
    const callee = unwrap(call.callee)
    if (callee.type !== 'MemberExpression') return undefined
    const name = memberName(callee) ?? ''
    const base = identify(callee.object, depth)
    if (base === undefined) return undefined
    if (TRANSACTION_METHODS.has(name)) return { ...base, role: 'transaction' }
    if (base.role === 'transaction' && (name === 'execute' || name === 'setIsolationLevel')) return base
    if (name === 'on' || name === 'connect' || name === 'then' || name === 'task' || name === 'execute')
      return { ...base, role: 'client' }
    return undefined
  }

  function returned(declaration: Node, depth: number): Identity | undefined {
    for (const node of syntax.within(declaration)) {
      if (node.type !== 'ReturnStatement' || node.argument === null) continue
      const owner = [...ancestors(syntax, node)].find(isFunction)
      if (owner === declaration) return identify(node.argument, depth)
    }
    return undefined
  }

  return { identify: (node) => identify(node) }
}

function drizzleOver(source: string): Driver {
  if (/node-postgres|vercel-postgres|neon-serverless|pglite$/.test(source)) return 'pg'
  if (/postgres-js/.test(source)) return 'postgres.js'
  if (/bun-sql/.test(source)) return 'bun'
  if (/neon-http|pg-proxy|aws-data-api|xata-http/.test(source)) return 'postgres-http'
  return 'drizzle'
}

/** The identity that a type annotation gives. */
function typeOf(node: Node): Identity | undefined {
  const annotation = 'typeAnnotation' in node ? (node.typeAnnotation as Node | null | undefined) : undefined
  if (annotation === null || annotation === undefined || annotation.type !== 'TSTypeAnnotation')
    return undefined
  return typeIdentity(annotation.typeAnnotation)
}

function typeIdentity(type: Node): Identity | undefined {
  if (type.type === 'TSUnionType') return type.types.map(typeIdentity).find((each) => each !== undefined)
  if (type.type !== 'TSTypeReference') return undefined
  const { typeName } = type
  const name =
    typeName.type === 'Identifier'
      ? typeName.name
      : typeName.type === 'TSQualifiedName' && typeName.left.type === 'Identifier'
        ? `${typeName.left.name}.${typeName.right.name}`
        : ''
  return driverOfType(name)
}
