export interface ReceivedEvent {
  readonly name: string
  readonly data: unknown
}

/** The events of a stream, one by one. */
export interface EventReader extends AsyncDisposable {
  next(): Promise<ReceivedEvent>
}

export async function readEvents(url: string): Promise<EventReader> {
  const response = await fetch(url, { headers: { accept: 'text/event-stream' } })
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let buffer = ''
  const block = async (): Promise<string> => {
    for (;;) {
      const end = buffer.indexOf('\n\n')
      if (end >= 0) {
        const text = buffer.slice(0, end)
        buffer = buffer.slice(end + 2)
        return text
      }
      const { value, done } = await reader.read()
      if (done) throw new Error('the stream of events ended')
      buffer += value
    }
  }
  return {
    async next() {
      for (;;) {
        const text = await block()
        const name = /^event: (.*)$/m.exec(text)?.[1]
        if (name !== undefined) return { name, data: JSON.parse(/^data: (.*)$/m.exec(text)![1]!) as unknown }
      }
    },
    [Symbol.asyncDispose]: () => reader.cancel(),
  }
}
