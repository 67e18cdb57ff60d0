/** What the connection does, in figures and as a picture of the last minute: what came, and what was conflated on the way. */

import type { ConnectionView } from '#src/page/app/link/messages.ts'
import { bytesText, countText, durationText } from '#src/page/app/market/numbers.ts'
import { element, make, setData, setText } from './dom.ts'

const TRANSPORTS = { websocket: 'WebSocket', sse: 'SSE', poll: 'long polling' } as const
const NONE = '–'
const SECONDS = 60

interface Second {
  readonly received: number
  readonly conflated: number
}

export class ConnectionPanel {
  readonly #values = new Map<string, HTMLElement>()
  readonly #list = element('connection')
  readonly #flow = element<HTMLCanvasElement>('flow')
  readonly #seconds: Second[] = []

  show(view: ConnectionView): void {
    const { state, transport, retryText } = stateOf(view)
    const pill = element('state')
    setData(pill, 'tone', state)
    setText(pill.querySelector('.mark')!, state === 'live' ? '●' : state === 'off' ? '✕' : '◌')
    setText(pill.querySelector('.text')!, state === 'live' ? `Live · ${transport}` : retryText)
    setText(element('sharing'), sharingText(view))
    for (const [name, text] of factsOf(view)) this.#write(name, text, '')
    for (const [name, text] of wideFactsOf(view, transport)) this.#write(name, text, 'wide')
  }

  /** Once a second: the picture moves on. */
  tick({ receivedPerSecond, conflatedPerSecond }: ConnectionView): void {
    this.#seconds.push({ received: receivedPerSecond, conflated: conflatedPerSecond })
    if (this.#seconds.length > SECONDS) this.#seconds.shift()
  }

  /** Bars, the newest on the right, on a scale that the tallest one fits. */
  draw(): void {
    const { clientWidth, clientHeight } = this.#flow
    const ratio = devicePixelRatio
    const [width, height] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)]
    if (this.#flow.width !== width) this.#flow.width = width
    if (this.#flow.height !== height) this.#flow.height = height
    const context = this.#flow.getContext('2d')
    if (context === null) return
    const most = Math.max(1, ...this.#seconds.map(({ received, conflated }) => received + conflated))
    const step = width / SECONDS
    context.clearRect(0, 0, width, height)
    for (const [index, { received, conflated }] of this.#seconds.entries()) {
      const left = Math.round(width - (this.#seconds.length - index) * step)
      const bar = Math.max(1, Math.floor(step) - Math.ceil(ratio))
      const tall = (received / most) * height
      const above = (conflated / most) * height
      context.fillStyle = this.#colour('received')
      context.fillRect(left, height - tall, bar, tall)
      context.fillStyle = this.#colour('conflated')
      context.fillRect(left, height - tall - above, bar, above)
    }
  }

  #colour(name: 'received' | 'conflated'): string {
    return getComputedStyle(document.querySelector(`.key.${name}`)!).backgroundColor
  }

  #write(name: string, text: string, className: string): void {
    let value = this.#values.get(name)
    if (value === undefined) {
      value = make('dd', className)
      value.dataset.name = name
      this.#values.set(name, value)
      this.#list.append(make('dt', '', name), value)
    }
    setText(value, text)
    if (value.title !== text) value.title = text
  }
}

function stateOf(view: ConnectionView): { state: 'live' | 'wait' | 'off'; transport: string; retryText: string } {
  const transport = view.transport === null ? NONE : TRANSPORTS[view.transport]
  if (view.state === 'connected') return { state: 'live', transport, retryText: '' }
  if (view.state === 'waiting') return { state: 'off', transport, retryText: 'Offline, trying again' }
  return {
    state: view.state === 'closed' ? 'off' : 'wait',
    transport,
    retryText: view.state === 'closed' ? 'Closed' : 'Connecting',
  }
}

function sharingText({ isShared, tabs }: ConnectionView): string {
  if (!isShared) return 'of this tab alone'
  return tabs === 1 ? 'shared: 1 tab' : `shared by ${tabs} tabs`
}

function factsOf(view: ConnectionView): [string, string][] {
  const { receivedPerSecond, conflatedPerSecond } = view
  const sum = receivedPerSecond + conflatedPerSecond
  const share = sum === 0 ? NONE : `${((conflatedPerSecond / sum) * 100).toFixed(0)} %`
  return [
    ['Updates/s', countText(receivedPerSecond)],
    ['Conflated', share],
    ['Received', countText(view.received)],
    ['Conflated sum', countText(view.conflated)],
    ['Age p50', ageText(view.ageMedianMs)],
    ['Age last', ageText(view.ageLastMs)],
    ['Bytes/s', bytesText(view.bytesPerSecond)],
    ['Items', countText(view.items)],
  ]
}

function wideFactsOf(view: ConnectionView, transport: string): [string, string][] {
  const { encoding, session, subscriptions, recovered, begunAnew } = view
  return [
    ['Carried by', encoding === null ? transport : `${transport}, ${encoding === 'json' ? 'JSON' : encoding}`],
    ['Session', session === null ? NONE : `${session.slice(0, 8)}…, ${subscriptions} subscriptions`],
    ['Breaks', `${recovered} resumed, ${begunAnew} begun anew`],
  ]
}

function ageText(ms: number | null): string {
  return ms === null ? NONE : durationText(ms)
}
