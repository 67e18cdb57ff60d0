/** WebSockets of three packages; what the protocol asks of a client besides is ComingBack. */

import test from 'ava'
import { WebSocket as UndiciWebSocket } from 'undici'
import websocket from 'websocket'
import WebSocket from 'ws'
import { type BareHandlers, ComingBack, liveThrough, type OpenBare, resuming } from '#test/support/foreign-client.ts'

/** The interface of browsers. */
interface Socket {
  onmessage: ((event: { readonly data: unknown }) => void) | null
  onclose: ((event: { readonly code: number }) => void) | null
  onerror: ((event: unknown) => void) | null
  close(): void
}

function listen(socket: Socket, { onText, onEnd }: BareHandlers, codes: number[]): Socket {
  socket.onmessage = ({ data }) => onText(String(data))
  socket.onerror = () => {}
  socket.onclose = ({ code }) => {
    codes.push(code)
    onEnd()
  }
  return socket
}

const CONSTRUCTORS: Readonly<Record<string, new (url: string) => unknown>> = {
  ws: WebSocket,
  undici: UndiciWebSocket,
  websocket: websocket.w3cwebsocket,
}

test.serial('[P91] ws, undici and websocket receive, resume and survive a restart, and are told 1001', async t => {
  const codes = new Map<string, number[]>()
  const starts = Object.entries(CONSTRUCTORS).map(([name, Constructor]) => {
    const told: number[] = []
    codes.set(name, told)
    const open: OpenBare = (port, target, handlers, resume) => {
      const socket = new Constructor(`ws://127.0.0.1:${port}${resuming(target, resume)}`)
      return listen(socket as Socket, handlers, told)
    }
    return (port: number, target: string) => new ComingBack(name, open, port, target)
  })
  await liveThrough(t, starts)
  for (const [name, told] of codes) t.deepEqual(told.slice(0, 2), [1006, 1001], name)
})
