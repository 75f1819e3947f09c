/** The samples of a text exposition: name with labels in alphabetical order, and value. */
export function readSamples(text: string): Map<string, number> {
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (match === null) continue
    const labels = [...(match[2] ?? '').matchAll(/([a-z0-9_]+)="((?:[^"\\]|\\.)*)"/g)]
      .map((label) => label[0])
      .toSorted()
    samples.set(labels.length === 0 ? match[1]! : `${match[1]}{${labels.join(',')}}`, Number(match[3]))
  }
  return samples
}
