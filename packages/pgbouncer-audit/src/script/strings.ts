import type { Piece, SqlText } from '../sql/text.ts'
import type { Binding, Scopes } from './scopes.ts'
import { keyName, memberName, unwrap, type Node } from './syntax.ts'

/** `a ? 'x' : 'y'` is followed on both ways, but not on more ways than this altogether. */
const MAX_VARIANTS = 6
const MAX_DEPTH = 8

export interface StringReader {
  /** The ways `node` can turn out as text; `undefined` where it is not made of text at all. */
  read(node: Node): SqlText[] | undefined
  /** Literals that were read as part of a bigger text, and need no reading of their own. */
  readonly consumed: ReadonlySet<Node>
}

/** Reads string expressions without running them: literals, templates, `+`, `+=`, constants, helpers. */
export function createStringReader(source: string, scopes: Scopes): StringReader {
  const consumed = new Set<Node>()

  function read(node: Node, depth = 0): SqlText[] | undefined {
    const bare = unwrap(node)
    if (depth > MAX_DEPTH) return undefined
    switch (bare.type) {
      case 'Literal':
        if (typeof bare.value !== 'string') return undefined
        return [[textPiece(bare.value, bare.start + 1, bare.end - 1)]]
      case 'TemplateLiteral':
        return readTemplate(bare.quasis, bare.expressions, depth)
      case 'TaggedTemplateExpression':
        return read(bare.quasi, depth + 1)
      case 'BinaryExpression':
        return bare.operator === '+' ? readSum(bare.left, bare.right, depth) : undefined
      case 'ConditionalExpression': {
        const both = [...(readPart(bare.consequent, depth) ?? []), ...(readPart(bare.alternate, depth) ?? [])]
        return both.length === 0 ? undefined : both.slice(0, MAX_VARIANTS)
      }
      case 'LogicalExpression':
        return readDefault(bare.left, bare.right, depth)
      case 'Identifier': {
        const binding = scopes.resolve(bare)
        return binding === undefined ? undefined : readBinding(binding, depth + 1)
      }
      case 'CallExpression':
        return readCall(bare.callee, bare.arguments, depth)
      default:
        return undefined
    }
  }

  /** `name ?? 'public'` may turn out either way; `name ?? ''` says only that the name is not known. */
  function readDefault(left: Node, right: Node, depth: number): SqlText[] | undefined {
    const [known, fallback] = [readPart(left, depth), readPart(right, depth)]
    if (known !== undefined || fallback === undefined) return known
    const texts = fallback.filter((text) => text.some((piece) => piece.kind === 'hole' || piece.text !== ''))
    return [[hole(left)], ...texts].slice(0, MAX_VARIANTS)
  }

  /** Reads a literal that belongs to a bigger text. */
  function readPart(node: Node, depth: number): SqlText[] | undefined {
    const variants = read(node, depth + 1)
    if (variants !== undefined) consume(node)
    return variants
  }

  function consume(node: Node): void {
    const bare = unwrap(node)
    consumed.add(bare)
    if (bare.type === 'TaggedTemplateExpression') consumed.add(bare.quasi)
  }

  function readSum(left: Node, right: Node, depth: number): SqlText[] | undefined {
    const [before, after] = [readPart(left, depth), readPart(right, depth)]
    if (before === undefined && after === undefined) return undefined
    return combine([before ?? [[hole(left)]], after ?? [[hole(right)]]])
  }

  function readTemplate(quasis: readonly Node[], expressions: readonly Node[], depth: number): SqlText[] {
    const parts: SqlText[][] = []
    for (const [index, quasi] of quasis.entries()) {
      if (quasi.type !== 'TemplateElement') continue
      // In files with escapes, the raw text keeps the offsets true as long as nothing is escaped.
      const text = quasi.value.cooked ?? quasi.value.raw
      const start = source.startsWith(quasi.value.raw, quasi.start) ? quasi.start : quasi.start + 1
      parts.push([[textPiece(text, start, start + quasi.value.raw.length)]])
      const expression = expressions[index]
      if (expression !== undefined) parts.push(readPart(expression, depth) ?? [[hole(expression)]])
    }
    return combine(parts)
  }

  function readCall(callee: Node, args: readonly Node[], depth: number): SqlText[] | undefined {
    const bare = unwrap(callee)
    if (bare.type === 'Identifier') {
      const name = bare.name
      if (name === 'format' && args[0] !== undefined) return read(args[0], depth + 1)
      const binding = scopes.resolve(bare)
      return binding === undefined ? undefined : readReturn(binding, depth + 1)
    }
    if (bare.type !== 'MemberExpression') return undefined
    const name = keyName(bare.property, bare.computed)
    if (name === 'join') return readJoin(bare.object, args, depth)
    if (name === 'concat') return readSum(bare.object, args[0] ?? bare.object, depth)
    if (name === 'raw' || name === 'unsafe' || name === 'format') {
      return args[0] === undefined ? undefined : read(args[0], depth + 1)
    }
    const keepsText = [
      'trim',
      'trimStart',
      'trimEnd',
      'replace',
      'replaceAll',
      'toString',
      'padEnd',
    ].includes(name ?? '')
    return keepsText ? readPart(bare.object, depth) : undefined
  }

  function readJoin(list: Node, args: readonly Node[], depth: number): SqlText[] | undefined {
    const array = unwrap(list)
    if (array.type !== 'ArrayExpression') return undefined
    const separator = args[0] === undefined ? ',' : (constantText(args[0]) ?? ' ')
    const parts = array.elements.flatMap((element, index): SqlText[][] => {
      if (element === null) return []
      const variants = readPart(element, depth) ?? [[hole(element)]]
      const join: SqlText[] = [[{ kind: 'text', text: separator, start: element.start, end: element.start }]]
      return index === 0 ? [variants] : [join, variants]
    })
    return parts.length === 0 ? undefined : combine(parts)
  }

  function readBinding(binding: Binding, depth: number): SqlText[] | undefined {
    if (binding.kind !== 'variable' || binding.path.length > 0) return undefined
    const { declaration } = binding
    if (declaration.type !== 'VariableDeclarator' || declaration.init === null) return undefined
    return read(declaration.init, depth)
  }

  /** The text that a helper returns, where it does nothing but return it. */
  function readReturn(binding: Binding, depth: number): SqlText[] | undefined {
    const { declaration } = binding
    const callable =
      declaration.type === 'VariableDeclarator' && declaration.init !== null
        ? unwrap(declaration.init)
        : declaration
    if (callable.type === 'ArrowFunctionExpression' && callable.body.type !== 'BlockStatement') {
      return read(callable.body, depth)
    }
    if (!('body' in callable) || callable.body === null) return undefined
    const body = callable.body as Node
    if (body.type !== 'BlockStatement') return undefined
    const last = body.body.at(-1)
    return last?.type === 'ReturnStatement' && last.argument !== null ? read(last.argument, depth) : undefined
  }

  function textPiece(text: string, start: number, end: number): Piece {
    return { kind: 'text', text, start, end: Math.max(end, start + 1) }
  }

  return { read: (node) => read(node), consumed }
}

function hole(node: Node): Piece {
  return { kind: 'hole', start: node.start }
}

function constantText(node: Node): string | undefined {
  return node.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined
}

/** All combinations of the variants of each part, cut off at {@link MAX_VARIANTS}. */
function combine(parts: readonly (readonly SqlText[])[]): SqlText[] {
  let combined: SqlText[] = [[]]
  for (const variants of parts) {
    combined = combined.flatMap((head) => variants.map((tail) => [...head, ...tail])).slice(0, MAX_VARIANTS)
  }
  return combined
}

/** Whether `node` is the outermost expression of a text. */
export function isTextExpression(node: Node): boolean {
  if (node.type === 'Literal') return typeof node.value === 'string'
  if (node.type === 'TemplateLiteral') return true
  if (node.type === 'BinaryExpression') return node.operator === '+'
  return node.type === 'CallExpression' && memberName(node.callee) === 'join'
}
