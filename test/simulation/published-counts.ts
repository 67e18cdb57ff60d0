/** How many of an item's events were published to a view, counted as they come. */

import { isPublished, type ModelItem, type Sight } from './model.ts'

export class PublishedCounts {
  readonly #item: ModelItem
  readonly #sight: Sight
  readonly #counts: number[] = []

  constructor(item: ModelItem, sight: Sight) {
    this.#item = item
    this.#sight = sight
  }

  /** Up to the event at `place`, itself included; 0 before the first. */
  upTo(place: number): number {
    const counts = this.#counts
    const { events } = this.#item
    for (let at = counts.length; at <= place; at++) {
      counts.push((counts[at - 1] ?? 0) + (isPublished(events[at]!, this.#sight) ? 1 : 0))
    }
    return counts[place] ?? 0
  }
}
