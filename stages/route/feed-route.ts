/**
 * route, for feeds: a message goes to its home. The way up is the lane (an update by its item); this stage has the way
 * down: what the cores tell a feed.
 *
 * Inbound: a queue from each core (bounded in bytes; when full the core keeps what differs, and messages, and tells it
 * later). A message that its feed cannot take is answered at once; while the lane has no room for that, it stays in the
 * queue, with all behind it.
 */

import { MESSAGE, readText, UNBIND, UNWANTED, UPDATE_REFUSED, WANTED } from '#src/codec/record.ts'
import type { FeedErrorCode } from '#src/errors.ts'
import type { RecordConsumer, RecordHandler } from '#src/ring/queue.ts'
import { type Lane, OFFERED } from '#stages/lane.ts'
import type { Stage } from '#stages/stage.ts'

export interface FeedRouteDeps {
  readonly lane: Lane
  /** By core. */
  readonly downs: readonly RecordConsumer[]
  readonly drainRecordsMax: number
  readonly queueCapacity: number
  readonly tellWanted: (slot: number, item: string, isWanted: boolean) => void
  readonly tellRefused: (slot: number, generation: number, line: number, code: FeedErrorCode) => void
  /** `number` is the core's. Null when the feed has the message; else what it is answered at once (see ANSWERED). */
  readonly tellMessage: (core: number, slot: number, generation: number, number: number, text: string) => string | null
}

export class FeedRoute implements Stage {
  readonly name = 'route'
  readonly queueUnit = 'bytes'
  readonly #deps: FeedRouteDeps
  readonly #handles: RecordHandler[]

  constructor(deps: FeedRouteDeps) {
    this.#deps = deps
    this.#handles = deps.downs.map(
      (down, core) => (type, offset, length) => this.#onDown(core, down, type, offset, length),
    )
  }

  work(): number {
    const { downs, drainRecordsMax, lane } = this.#deps
    let done = 0
    for (let core = 0; core < downs.length; core++) done += downs[core]!.drain(this.#handles[core]!, drainRecordsMax)
    if (done > 0) lane.publish()
    return done
  }

  queueDepth(): number {
    let depth = 0
    for (const down of this.#deps.downs) depth += down.usedBytes()
    return depth
  }

  queueCapacity(): number {
    return this.#deps.queueCapacity * this.#deps.downs.length
  }

  #onDown(core: number, down: RecordConsumer, type: number, offset: number, length: number): boolean {
    const { memory } = down
    const number = memory.words[offset >> 2]!
    switch (type) {
      case WANTED:
      case UNWANTED:
        this.#deps.tellWanted(number, readText(memory, offset + 4, length - 4), type === WANTED)
        return true
      case UNBIND:
        return this.#deps.lane.unbind(number) === OFFERED
      case UPDATE_REFUSED: {
        const line = memory.words[(offset >> 2) + 1]!
        const generation = memory.words[(offset >> 2) + 2]!
        const code = readText(memory, offset + 12, length - 12) as FeedErrorCode
        this.#deps.tellRefused(number, generation, line, code)
        return true
      }
      case MESSAGE:
        return this.#onMessage(core, down, offset, length)
      default:
        throw new Error(`a core tells a lane no record of type ${type}`)
    }
  }

  #onMessage(core: number, down: RecordConsumer, offset: number, length: number): boolean {
    const { memory } = down
    const slot = memory.words[offset >> 2]!
    const generation = memory.words[(offset >> 2) + 1]!
    const number = memory.words[(offset >> 2) + 2]!
    const text = readText(memory, offset + 12, length - 12)
    const answer = this.#deps.tellMessage(core, slot, generation, number, text)
    return answer === null || this.#deps.lane.offerAnswered(core, slot, number, answer) === OFFERED
  }
}
