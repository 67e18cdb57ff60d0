/** The head of the opened instrument: its quote as large figures, the day, and whether it is stale. */

import {
  changeText,
  decimalsOf,
  durationText,
  fixed,
  numberOf,
  sizeText,
  textOf,
} from '#src/page/app/market/numbers.ts'
import type { QuoteRow } from '#src/page/app/market/quote-board.ts'
import { element, make, setData, setText } from './dom.ts'

/** What is shown elsewhere in the panel. */
const SHOWN = ['bid', 'ask', 'bid_size', 'ask_size', 'last', 'change', 'time']
/** In the order of the list, where there is such a field; others follow. */
const FIRST = ['open', 'high', 'low', 'volume']
const FACTS_MAX = 6
/** The digits that a dealer watches. */
const BIG_DIGITS = 2

export class InstrumentPanel {
  readonly #facts = element('facts')
  readonly #values = new Map<string, HTMLElement>()
  readonly #last = element('last')

  paint(row: QuoteRow, wallMs: number): void {
    const { symbol, venue } = row.instrument
    const decimals = Math.max(decimalsOf(row.field('bid')), decimalsOf(row.field('ask')))
    const spread = numberOf(row.field('ask')) - numberOf(row.field('bid'))
    setText(element('symbol'), symbol)
    setText(element('venue'), venue)
    element('staleTag').hidden = !row.isStale
    setText(this.#last.querySelector('.value')!, textOf(row.field('last') ?? middleText(row, decimals)))
    const change = this.#last.querySelector<HTMLElement>('.change')!
    setText(change, Number.isNaN(row.change) ? '' : `${changeText(row.change)} %`)
    setData(change, 'sign', row.change > 0 ? 'up' : row.change < 0 ? 'down' : null)
    paintPrice(element('bidPrice'), textOf(row.field('bid')))
    paintPrice(element('askPrice'), textOf(row.field('ask')))
    setText(element('bidSize'), sizeText(numberOf(row.field('bid_size'))))
    setText(element('askSize'), sizeText(numberOf(row.field('ask_size'))))
    setText(element('spread'), fixed(spread, decimals))
    this.#paintFacts(row, wallMs)
  }

  #paintFacts(row: QuoteRow, wallMs: number): void {
    const fields = row.fields()
    const others = Object.keys(fields).filter(name => !SHOWN.includes(name) && !FIRST.includes(name))
    const names = [...FIRST.filter(name => name in fields), ...others].slice(0, FACTS_MAX - 1)
    const facts = names.map((name): [string, string] => [name, factText(name, fields[name])])
    if (row.timeMs !== null) facts.push(['age', durationText(Math.max(0, wallMs - row.timeMs))])
    const known = [...this.#values.keys()].join()
    if (facts.map(([name]) => name).join() !== known) this.#build(facts.map(([name]) => name))
    for (const [name, text] of facts) setText(this.#values.get(name)!, text)
  }

  #build(names: readonly string[]): void {
    this.#values.clear()
    this.#facts.replaceChildren()
    for (const name of names) {
      const value = make('dd')
      this.#values.set(name, value)
      this.#facts.append(make('dt', '', name), value)
    }
  }
}

function middleText(row: QuoteRow, decimals: number): string | null {
  return Number.isNaN(row.middle) ? null : fixed(row.middle, decimals)
}

function factText(name: string, text: string | null | undefined): string {
  return name === 'volume' ? sizeText(numberOf(text)) : textOf(text)
}

/** The last two digits larger than the rest. */
function paintPrice(target: HTMLElement, text: string): void {
  if (target.textContent === text) return
  const cut = Math.max(0, text.length - BIG_DIGITS)
  target.replaceChildren(text.slice(0, cut), make('b', '', text.slice(cut)))
}
