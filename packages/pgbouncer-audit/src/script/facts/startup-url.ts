import { startupOptions } from '../../startup-options.ts'

/** Startup parameters that `pg` sends when an option of the same name is given. */
export const TIMEOUTS: ReadonlySet<string> = new Set([
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
])

/** The startup parameters that a connection URL, or the end of one, carries. */
export function urlParameters(url: string): { name: string; viaOptions: boolean }[] {
  const query = url.slice(url.indexOf('?') + 1)
  const found: { name: string; viaOptions: boolean }[] = []
  for (const pair of query.split(/[&\s"'`]/)) {
    const [key = '', value = ''] = pair.replace(/^\?/, '').split(/=(.*)/s)
    if (TIMEOUTS.has(key)) found.push({ name: key, viaOptions: false })
    if (key === 'options') {
      for (const name of startupOptions(decode(value))) found.push({ name, viaOptions: true })
    }
  }
  return found
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
