/**
 * The script blocks of a Vue, Svelte or Astro file, with everything else blanked out, so that every
 * offset and line stays what it is in the file.
 */
export function scriptOfComponent(source: string): string {
  const keep: [number, number][] = []
  for (const match of source.matchAll(/<script\b[^>]*>([\s\S]*?)<\/script\s*>/gi)) {
    const start = match.index + match[0].indexOf('>') + 1
    keep.push([start, start + match[1]!.length])
  }
  const frontmatter = /^---\r?\n([\s\S]*?)\n---/.exec(source)
  if (frontmatter !== null) keep.push([4, 4 + frontmatter[1]!.length])
  let script = ''
  let at = 0
  for (const [start, end] of keep.toSorted((a, b) => a[0] - b[0])) {
    script += `${blank(source.slice(at, start))}${source.slice(start, end)}`
    at = end
  }
  return script + blank(source.slice(at))
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}
