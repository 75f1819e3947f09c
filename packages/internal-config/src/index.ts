/** One validated configuration from a YAML file and the environment, secrets from files too. */
export { checkedText, duration, listenAddress, name, secret, text, timeZone, wait } from './fields.ts'
export { readConfig } from './read-config.ts'
export { settingsOf, type Setting } from './settings.ts'
