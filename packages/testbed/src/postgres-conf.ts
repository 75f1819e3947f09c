import type { PostgresOptions } from './postgres.ts'

/**
 * Settings of a server whose data need not outlive this machine's next crash. A commit still is in
 * the operating system's hands when it is confirmed, so it survives a killed server.
 */
const FAST: Readonly<Record<string, string>> = {
  fsync: 'off',
  full_page_writes: 'off',
  // Keeps shared memory in files of the data folder, where it goes away with them.
  dynamic_shared_memory_type: 'mmap',
  max_wal_size: '4GB',
  checkpoint_timeout: '30min',
  shared_buffers: '64MB',
  autovacuum_naptime: '10s',
  log_line_prefix: '%m [%p] %q%u@%d ',
}

/** The lines that are added to postgresql.conf; the caller's settings win. */
export function postgresConf(place: Readonly<Record<string, string>>, options: PostgresOptions): string {
  const password_encryption = options.auth === 'md5' ? 'md5' : 'scram-sha-256'
  return confLines({ ...FAST, ...place, password_encryption, ...options.settings })
}

export function confLines(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    .join('')
}

/** pg_hba.conf: the caller's lines first, then passwords for everybody. */
export function postgresHba(options: PostgresOptions): string {
  const auth = options.auth ?? 'scram-sha-256'
  const own = ['all', 'replication'].flatMap((database) => [
    `local ${database} all ${auth}`,
    `host ${database} all 0.0.0.0/0 ${auth}`,
    `host ${database} all ::/0 ${auth}`,
  ])
  return [...(options.hba ?? []), ...own, ''].join('\n')
}
