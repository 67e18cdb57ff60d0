/** The search of the watch list: what is typed narrows the list, Enter asks the server for an item or for a beginning of names. */

import { element, make } from './dom.ts'

export interface SearchEvents {
  readonly onSearch: (text: string) => void
  readonly onAdd: (name: string) => void
  readonly onRemove: (name: string) => void
}

export class SearchBox {
  readonly #events: SearchEvents
  readonly #chips = element('chips')

  constructor(events: SearchEvents) {
    this.#events = events
    const input = element<HTMLInputElement>('search')
    input.addEventListener('input', () => events.onSearch(input.value))
    element('searchForm').addEventListener('submit', event => {
      event.preventDefault()
      const name = input.value.trim()
      if (name !== '') events.onAdd(name)
    })
  }

  /** What was added, each with a button that takes it away. */
  show(added: readonly string[]): void {
    this.#chips.hidden = added.length === 0
    this.#chips.replaceChildren(
      ...added.map(name => {
        const chip = make('button', '', `${name} ✕`)
        chip.type = 'button'
        chip.ariaLabel = `Take ${name} off the list`
        chip.addEventListener('click', () => this.#events.onRemove(name))
        return chip
      }),
    )
  }
}
