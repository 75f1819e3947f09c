/** What an ephemeral server may use, at most. */
export interface ServerLimits {
  /** Shared buffers and the memory of index builds come out of this. @default 512 MiB */
  readonly memoryBytes?: number
}

export const DEFAULT_MEMORY_BYTES: number = 512 * 1024 * 1024
const MIB = 1024 * 1024
const LOGIN_TRIGGERS_SINCE = 17

/**
 * Settings of a server whose data are thrown away in any case (PostgreSQL documentation, "Non-Durable
 * Settings" and "Populating a Database"). It listens on nothing but its socket.
 */
export function serverSettings(
  socketFolder: string,
  { memoryBytes }: ServerLimits,
  major: number,
): Record<string, string> {
  const share = `${Math.max(16, Math.floor((memoryBytes ?? DEFAULT_MEMORY_BYTES) / 4 / MIB))}MB`
  return {
    listen_addresses: '',
    unix_socket_directories: socketFolder,
    unix_socket_permissions: '0777',
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_wal_size: '1GB',
    checkpoint_timeout: '1h',
    autovacuum: 'off',
    jit: 'off',
    shared_buffers: share,
    maintenance_work_mem: share,
    max_connections: '40',
    max_prepared_transactions: '0',
    // Shared memory goes away with the data folder, whatever happens to the server.
    dynamic_shared_memory_type: 'mmap',
    allow_in_place_tablespaces: 'on',
    log_destination: 'stderr',
    logging_collector: 'off',
    lc_messages: 'C',
    shared_preload_libraries: '',
    // A login trigger of the restored database would see the drill log in, and may write that into a table.
    ...(major >= LOGIN_TRIGGERS_SINCE ? { event_triggers: 'off' } : {}),
  }
}
