// Parses every TypeScript file of a folder and walks its tree, as a linter would.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync, Visitor } from 'oxc-parser'

const [folder = '.'] = process.argv.slice(2)
let literals = 0
const visitor = new Visitor({
  Literal() {
    literals += 1
  },
  TemplateLiteral() {
    literals += 1
  },
})
for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.ts')) continue
  visitor.visit(parseSync(file, readFileSync(join(folder, file), 'utf8')).program)
}
process.stdout.write(`${literals} strings\n`)
