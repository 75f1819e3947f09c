import { keyName, memberName, unwrap, type Node, type Syntax } from './syntax.ts'

/** How a text is used: certainly as SQL, perhaps, or certainly not. */
export type Usage =
  /** A tagged template or an argument of a query function; `call` is that call. */
  | { readonly kind: 'query'; readonly call: Node }
  /** Stored, returned or passed on: SQL only if it reads like SQL. */
  | { readonly kind: 'unclear' }
  | { readonly kind: 'not-sql' }

const QUERY_METHODS = new Set([
  'query',
  'execute',
  'exec',
  'raw',
  'unsafe',
  'any',
  'none',
  'one',
  'many',
  'oneOrNone',
  'manyOrNone',
  'result',
  'multi',
  'multiResult',
  'oneFirst',
  'maybeOne',
  'manyFirst',
  'anyFirst',
  'maybeOneFirst',
  'exists',
  '$queryRaw',
  '$queryRawUnsafe',
  '$executeRaw',
  '$executeRawUnsafe',
  '$queryRawTyped',
  'whereRaw',
  'havingRaw',
  'orderByRaw',
  'joinRaw',
  'fromRaw',
  'selectRaw',
  'literal',
  'addSql',
  'sql',
  'executeSql',
  'executeQuery',
  'runSql',
  'queryRaw',
  'executeRaw',
  'queryArray',
  'queryObject',
  'simple',
  'rawQuery',
  'queryOne',
  'queryRow',
  'queryRows',
  'batch',
  'cursor',
  'stream',
  'executeUpdate',
  'querySql',
  'execSql',
  'runQuery',
  'executeStatement',
  'dbQuery',
  'pgQuery',
  'statement',
])
const QUERY_FUNCTIONS =
  /^(?:sql|query|execute|runQuery|executeQuery|runSql|execSql|executeSql|q|psql|pgQuery|dbQuery|queryDb|doQuery)$/i
/** Constructors that take a query's text. */
const QUERY_CONSTRUCTORS =
  /^(?:Query|QueryStream|Cursor|ParameterizedQuery|PreparedStatement|Raw|RawSql|RawBuilder|SQL)$/
const NOT_SQL_TAGS =
  /^(?:html|css|gql|graphql|svg|md|markdown|styled|keyframes|createGlobalStyle|injectGlobal|xml|json|yaml|msg|t|i18n|chalk|red|green|yellow|blue|bold|dim|cyan|gray|tw|cypher|js|ts|glsl|wgsl|prompt|groq|classNames|cx|\$)$/

const TEST_OR_LOG = new Set([
  'it',
  'test',
  'describe',
  'suite',
  'context',
  'specify',
  'each',
  'skip',
  'only',
  'todo',
  'console',
  'log',
  'info',
  'debug',
  'warn',
  'error',
  'trace',
  'fatal',
  'verbose',
  'notice',
  'write',
  'print',
  'toBe',
  'toEqual',
  'toStrictEqual',
  'toContain',
  'toMatch',
  'toContainEqual',
  'toThrow',
  'toThrowError',
  'toHaveBeenCalledWith',
  'toHaveBeenLastCalledWith',
  'toHaveBeenNthCalledWith',
  'calledWith',
  'toMatchInlineSnapshot',
  'contains',
  'match',
  'equal',
  'strictEqual',
  'deepEqual',
  'deepStrictEqual',
  'notEqual',
  'ok',
  'assert',
  'include',
  'includes',
  'startsWith',
  'endsWith',
  'indexOf',
  'lastIndexOf',
  'split',
  'search',
  'describe',
  'description',
  'option',
  'usage',
  'help',
  'summary',
  'title',
  'label',
  'say',
  'echo',
  'success',
  'fail',
  'invariant',
  'warning',
  'comment',
  'addIssue',
  'setStatus',
  'emit',
  'addEventListener',
  'setAttribute',
  'startSpan',
  'stringContaining',
  'stringMatching',
  'message',
  'reject',
  'abort',
  'notify',
  'alert',
  'confirm',
  'prompt',
  'meta',
  'note',
  'getByText',
  'findByText',
  'localeCompare',
  'has',
  'track',
  'capture',
  'step',
])
/** Methods of strings that put one text in the place of another, neither of which is run. */
const TEXT_EDITS = new Set(['replace', 'replaceAll', 'matchAll'])
const PROSE_KEYS =
  /^(?:description|message|msg|label|title|why|fix|help|hint|reason|name|summary|comment|placeholder|error|errors|examples?|details?|notes?|docs?|documentation|tooltip|subtitle|heading|tip|tips|explanation|recommendation|remediation|impact|rationale|pattern|regex|caption|warning|action|id|key|type|event|class|className|href|url|path|code|slug|category|prompt|system|instructions)$/i

/** Decides from its place alone what a text is for. */
export function usageOf(text: Node, syntax: Syntax): Usage {
  let child = text
  for (let node = syntax.parent(text); node !== undefined; node = syntax.parent(node)) {
    switch (node.type) {
      case 'TaggedTemplateExpression':
        return tagUsage(node)
      case 'CallExpression':
      case 'NewExpression':
        return child === node.callee ? methodOnText(node) : callUsage(node, child)
      case 'Property':
        return propertyUsage(node, child, syntax)
      case 'BinaryExpression':
        if (node.operator !== '+') return { kind: 'not-sql' }
        break
      case 'SwitchCase':
      case 'ThrowStatement':
      case 'ImportDeclaration':
      case 'ExportNamedDeclaration':
      case 'ExportAllDeclaration':
      case 'ImportExpression':
      case 'TSLiteralType':
      case 'TSEnumMember':
      case 'JSXAttribute':
      case 'JSXExpressionContainer':
      case 'JSXElement':
      case 'TSImportType':
        return { kind: 'not-sql' }
      case 'ExpressionStatement':
        return 'directive' in node && node.directive !== null && child === text
          ? { kind: 'not-sql' }
          : { kind: 'unclear' }
      case 'MemberExpression':
        // `'SET x'.trim()` goes on; `map['SET x']` is a key.
        if (node.object !== child) return { kind: 'not-sql' }
        break
      case 'ConditionalExpression':
        if (node.test === child) return { kind: 'not-sql' }
        break
      case 'ArrayExpression':
      case 'TemplateLiteral':
      case 'LogicalExpression':
      case 'AwaitExpression':
      case 'TSAsExpression':
      case 'TSSatisfiesExpression':
      case 'TSNonNullExpression':
      case 'ParenthesizedExpression':
      case 'ChainExpression':
      case 'SpreadElement':
        break
      default:
        return { kind: 'unclear' }
    }
    child = node
  }
  return { kind: 'unclear' }
}

function tagUsage(node: Node & { type: 'TaggedTemplateExpression' }): Usage {
  const tag = unwrap(node.tag)
  const name = tag.type === 'CallExpression' ? memberName(tag.callee) : memberName(tag)
  if (name === 'raw' && tag.type === 'MemberExpression' && memberName(tag.object) === 'String')
    return { kind: 'unclear' }
  if (name === 'dedent' || name === 'stripIndent' || name === 'outdent' || name === 'indent')
    return { kind: 'unclear' }
  return NOT_SQL_TAGS.test(name ?? '') ? { kind: 'not-sql' } : { kind: 'query', call: node }
}

/** `'…'.join()` passes the text on; `'…'.includes()` looks at it. */
function methodOnText(node: Node & { type: 'CallExpression' | 'NewExpression' }): Usage {
  return TEST_OR_LOG.has(memberName(node.callee) ?? '') ? { kind: 'not-sql' } : { kind: 'unclear' }
}

function callUsage(node: Node & { type: 'CallExpression' | 'NewExpression' }, child: Node): Usage {
  const callee = unwrap(node.callee)
  const name = memberName(callee.type === 'CallExpression' ? callee.callee : callee) ?? ''
  if (node.type === 'NewExpression') {
    if (QUERY_CONSTRUCTORS.test(name)) return { kind: 'query', call: node }
    return /Error$|^(?:RegExp|URL|Response|Event|Blob|Set|Map)$/.test(name)
      ? { kind: 'not-sql' }
      : { kind: 'unclear' }
  }
  if (callee.type === 'MemberExpression') {
    const owner = memberName(callee.object) ?? ''
    if (
      /^(?:console|log|logger|debug|assert|expect|chai|vscode|Sentry|span|tracer|program|z|yargs|ora|spinner|core)$/i.test(
        owner,
      )
    )
      return { kind: 'not-sql' }
    if (QUERY_METHODS.has(name)) {
      // The text is the first argument; anything after it is a value.
      return node.arguments[0] === child || name === 'batch'
        ? { kind: 'query', call: node }
        : { kind: 'unclear' }
    }
  }
  if (TEST_OR_LOG.has(name) || TEXT_EDITS.has(name) || /^(?:assert|expect|log|print|warn)/.test(name))
    return { kind: 'not-sql' }
  if (callee.type === 'Identifier' && QUERY_FUNCTIONS.test(name)) return { kind: 'query', call: node }
  return { kind: 'unclear' }
}

function propertyUsage(node: Node & { type: 'Property' }, child: Node, syntax: Syntax): Usage {
  if (node.key === child) return { kind: 'not-sql' }
  const key = keyName(node.key, node.computed) ?? ''
  if (PROSE_KEYS.test(key)) return { kind: 'not-sql' }
  if (!/^(?:text|sql|query|statement)$/i.test(key)) return { kind: 'unclear' }
  const object = syntax.parent(node)
  const call = object === undefined ? undefined : syntax.parent(object)
  const isArgument = call?.type === 'CallExpression' || call?.type === 'NewExpression'
  if (isArgument) {
    const usage = callUsage(call, object!)
    return usage.kind === 'not-sql' || usage.kind === 'query' ? usage : { kind: 'unclear' }
  }
  return { kind: 'unclear' }
}
