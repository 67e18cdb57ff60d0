/**
 * The dealing screen: puts the parts together.
 *
 *   Catalogue ─ names ─▶ WatchFeed ─ wishes ─▶ Link ─▶ hub (one of all tabs) ─▶ server
 *                            │                  ▲
 *                        QuoteBoard            Desk: book, trades, chart of the opened instrument
 *                            └──▶ WatchList ─ opens ──┘
 *
 * Data are merged into models as they come (market/), and painted once a frame (view/).
 */

import { Catalogue } from './catalogue.ts'
import { Desk } from './desk.ts'
import type { ConnectionView } from './link/messages.ts'
import { openLink } from './link/open-link.ts'
import { Instruments } from './market/instruments.ts'
import { QuoteBoard } from './market/quote-board.ts'
import { browserPlatform as platform } from './platform.ts'
import { Chart } from './view/chart.ts'
import { ConnectionPanel } from './view/connection-panel.ts'
import { Controls } from './view/controls.ts'
import { choice, element, setData, setText } from './view/dom.ts'
import { Frames } from './view/frames.ts'
import { SearchBox } from './view/search-box.ts'
import { WatchList } from './view/watch-list.ts'
import { WatchFeed } from './watch-feed.ts'

/** The server, with the path that a proxy puts before it, if any. */
const BASE_URL = new URL('../../', import.meta.url)
const SECOND_MS = 1_000

const query = new URLSearchParams(location.search)
const notices = new Map<string, string>()
const frames = new Frames()
const instruments = new Instruments()
const board = new QuoteBoard(instruments)
const connectionPanel = new ConnectionPanel()
let connection: ConnectionView | null = null
let wanted = query.get('open')

// `?own` gives the tab a connection of its own, beside which the shared one can be looked at.
const link = openLink(BASE_URL, query.has('own'), view => {
  connection = view
  frames.request(showConnection)
})
const chart = new Chart(element('chart'))
const desk = new Desk(link, frames, platform, chart)
const list = new WatchList(board, frames, platform, name => open(name, true))
const feed = new WatchFeed(link, instruments, board, platform, {
  onChange: changed,
  onNotice: text => notice('feed', text),
})
const search = new SearchBox({
  onSearch: text => list.search(text),
  onAdd: name => {
    if (!feed.add(name)) notice('search', 'No more can be added: take one away first.')
    search.show(feed.added)
  },
  onRemove: name => {
    feed.remove(name)
    notice('search', '')
    search.show(feed.added)
  },
})
const controls = new Controls(platform, {
  onRate: rate => link.setRate(rate),
  onTransport: name => link.setTransport(name),
  onTheme: () => {
    chart.colours()
    desk.redraw()
    connectionPanel.draw()
  },
})
choice(element('intervals'), seconds => desk.interval(Number(seconds)))
new Catalogue(BASE_URL, platform, {
  onNames: names => feed.names(names),
  onProblem: message => notice('catalogue', message ?? ''),
})
platform.every(SECOND_MS, () => {
  desk.tick()
  if (connection === null) return
  connectionPanel.tick(connection)
  frames.request(drawConnection)
})

function changed(): void {
  list.changed()
  desk.changed()
  if (desk.opened === null) openFirst()
  frames.request(showCount)
}

function showCount(): void {
  setText(element('watchCount'), countText())
}

function countText(): string {
  const stale = board.staleCount()
  return `${board.size} instruments${stale === 0 ? '' : ` · ${stale} stale`}`
}

/** What the address names; or else the instrument that has most to show. */
function openFirst(): void {
  if (wanted !== null && board.get(wanted) !== null) return open(wanted, false)
  if (wanted !== null && instruments.get(wanted) !== null) return
  let best: string | null = null
  let most = 0
  for (const { instrument } of board.rows()) {
    const count = Object.keys(instrument.items).length
    if (count <= most) continue
    most = count
    best = instrument.name
  }
  if (best !== null) open(best, false)
}

function open(name: string, isAsked: boolean): void {
  const row = board.get(name)
  if (row === null) return
  desk.open(row)
  list.opened(name)
  document.title = `${row.instrument.symbol} · Millrace`
  if (!isAsked) return
  wanted = name
  const address = new URL(location.href)
  address.searchParams.set('open', name)
  history.replaceState(null, '', address)
  // In one column it stands below the list.
  if (matchMedia('(max-width: 760px)').matches) element('instrument').scrollIntoView({ block: 'start' })
}

function showConnection(): void {
  if (connection === null) return
  connectionPanel.show(connection)
  controls.show(connection)
  setData(document.documentElement, 'live', connection.state === 'connected' ? '' : null)
  notice(
    'connection',
    connection.state === 'waiting' ? `No connection: what is shown is what was known. ${connection.problem ?? ''}` : '',
  )
}

function drawConnection(): void {
  connectionPanel.draw()
}

/** What the user should know, each from one place; '' takes it away. */
function notice(from: string, text: string): void {
  if (text === '') notices.delete(from)
  else notices.set(from, text)
  const target = element('notice')
  setText(target, [...notices.values()].join(' '))
  target.hidden = notices.size === 0
}
