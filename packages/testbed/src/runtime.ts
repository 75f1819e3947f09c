/** What runs a server, whatever the server is: a process on this machine, or a container. */
export interface ServerRuntime {
  /** Starts the server on the data that are there; does not wait until it answers. */
  readonly start: () => Promise<void>
  /** Sends the signal, waits until the server is gone, and keeps its data. */
  readonly end: (signal: NodeJS.Signals) => Promise<void>
  /** Sends the signal and waits for nothing. */
  readonly kill: (signal: NodeJS.Signals) => Promise<void>
  readonly hasExited: () => Promise<boolean>
  /** What the server has written so far; after `remove`, everything that it ever wrote. */
  readonly logText: () => Promise<string>
  /** Ends the server at once and removes everything that it had. May be called twice. */
  readonly remove: () => Promise<void>
}
