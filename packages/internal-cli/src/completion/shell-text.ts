/** One word for bash, zsh and POSIX shells. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** The name of a shell function for these words: `_pg_backup_create`. */
export function functionName(...words: readonly string[]): string {
  return `_${words.join('_').replaceAll(/\W/g, '_')}`
}
