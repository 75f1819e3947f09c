/** The parameters named in libpq's `options` (`-c a=1 --b=2`); none where the text is something else. */
export function startupOptions(text: string): string[] {
  return [...text.matchAll(/(?:^|[\s'"`])(?:-c\s*|--)([a-z_][\w.-]*)\s*=/gi)].map((match) =>
    match[1]!.replaceAll('-', '_').toLowerCase(),
  )
}
