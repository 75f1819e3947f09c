import type { Config } from './config.ts'

/** The environment with the store's keys, where the configuration has them. A session token belongs to the key that it came with. */
export function withStoreKeys(env: NodeJS.ProcessEnv, store: Config['store']): NodeJS.ProcessEnv {
  const { accessKeyId = env['AWS_ACCESS_KEY_ID'], secretAccessKey = env['AWS_SECRET_ACCESS_KEY'] } = store
  return {
    ...env,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: store.accessKeyId === undefined ? env['AWS_SESSION_TOKEN'] : undefined,
  }
}
