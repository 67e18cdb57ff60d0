/**
 * The browser's fetch and WebSocket, with a counter of what comes in: handed to the client library as its runtime. What is
 * counted are the letters of messages and bodies, before compression: a browser does not tell a page more.
 */

import type { Runtime } from '#src/client/index.ts'

type Count = (bytes: number) => void
type Fetch = Runtime['fetch']
type Response = Awaited<ReturnType<Fetch>>
type Body = NonNullable<Response['body']>

export function countedRuntime(count: Count): Partial<Runtime> {
  const counted: Partial<Runtime> = { fetch: async (url, init) => countedResponse(await fetch(url, init), count) }
  return 'WebSocket' in globalThis ? { ...counted, WebSocket: countedWebSocket(count) } : counted
}

function countedWebSocket(count: Count): NonNullable<Runtime['WebSocket']> {
  return class extends WebSocket {
    constructor(url: string) {
      super(url)
      this.addEventListener('message', ({ data }) => count(typeof data === 'string' ? data.length : 0))
    }
  } as NonNullable<Runtime['WebSocket']>
}

function countedResponse(response: Response, count: Count): Response {
  const { ok, status, headers, body } = response
  return {
    ok,
    status,
    headers,
    body: body === null ? null : countedBody(body, count),
    text: async () => {
      const text = await response.text()
      count(text.length)
      return text
    },
  }
}

function countedBody(body: Body, count: Count): Body {
  return {
    getReader: () => {
      const reader = body.getReader()
      return {
        read: async () => {
          const part = await reader.read()
          count(part.value?.length ?? 0)
          return part
        },
      }
    },
  }
}
