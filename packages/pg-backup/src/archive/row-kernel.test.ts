import { readFile } from 'node:fs/promises'
import wabt from 'wabt'
import { expect, it } from 'vitest'

it('embeds what row-kernel.wat says (vitest --update writes it anew)', async () => {
  const source = await readFile(new URL('row-kernel.wat', import.meta.url), 'utf8')
  const tools = await wabt()
  const { buffer } = tools.parseWat('row-kernel.wat', source).toBinary({ write_debug_names: false })
  await expect(embedding(Buffer.from(buffer))).toMatchFileSnapshot('row-kernel.wasm.ts')
})

function embedding(wasm: Buffer): string {
  const lines = wasm
    .toString('base64')
    .match(/.{1,96}/g)!
    .map((line) => `  '${line}',`)
  return [
    '/** row-kernel.wat as WebAssembly, in base64. Written by row-kernel.test.ts; change the source, not this. */',
    'export const ROW_KERNEL: string = [',
    ...lines,
    "].join('')",
    '',
  ].join('\n')
}
