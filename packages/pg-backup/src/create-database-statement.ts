import type { Manifest } from './manifest.ts'
import { quoteIdentifier, quoteLiteral } from './run-psql.ts'

/** How a database encodes its text and sorts it. */
export type DatabaseLocale = Pick<
  Manifest['server'],
  'encoding' | 'collate' | 'ctype' | 'localeProvider' | 'locale' | 'icuRules'
>

/**
 * SQL that makes an empty database as the one that a manifest is of: with its encoding and its rules for sorting.
 * Without them rows may come into the wrong partition, or break a CHECK that they keep at home.
 *
 * @example
 * ```ts
 * import { createDatabaseStatement } from '@ops/pg-backup'
 *
 * const locale = { encoding: 'UTF8', collate: 'C', ctype: 'C', localeProvider: 'icu', locale: 'en-US' } as const
 * console.log(createDatabaseStatement('app', locale))
 * ```
 */
export function createDatabaseStatement(name: string, locale: DatabaseLocale): string {
  const { encoding, collate, ctype } = locale
  return (
    `CREATE DATABASE ${quoteIdentifier(name)} TEMPLATE template0 ENCODING ${quoteLiteral(encoding)} ` +
    `LC_COLLATE ${quoteLiteral(collate)} LC_CTYPE ${quoteLiteral(ctype)}${providerOf(locale)};`
  )
}

/** A database that names no provider has the template's own. */
function providerOf({ localeProvider, locale = '', icuRules }: DatabaseLocale): string {
  if (localeProvider === undefined) return ''
  if (localeProvider === 'libc') return ' LOCALE_PROVIDER libc'
  const rules = icuRules === undefined ? '' : ` ICU_RULES ${quoteLiteral(icuRules)}`
  return ` LOCALE_PROVIDER ${localeProvider} ${localeProvider}_LOCALE ${quoteLiteral(locale)}${rules}`
}
