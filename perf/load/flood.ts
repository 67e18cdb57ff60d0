/**
 * As much as a server takes: connections that send lines made beforehand, as many as the window lets them. Each publishes
 * items of its own. Stamps are numbers that differ from one line of an item to its next, no times.
 */

import { connect, type Socket } from 'node:net'
import { itemName, lineOf, type Workload } from '#perf/workload.ts'
import { FEED_PROTOCOLS } from './feed-protocols.ts'
import { frameOf } from './source.ts'
import { writeStamp } from './stamp.ts'

const BLOCKS = 20
const LINES_PER_BLOCK_MIN = 500

interface FeedMessage {
  readonly window?: number
  readonly ack?: number
  readonly error?: object
  readonly closing?: object
}

/** One connection; connected once its server has granted a window. */
export class FloodConnection {
  readonly items: readonly number[]
  readonly #linesPerItem: number
  readonly #blocks: readonly Buffer[]
  readonly #socket: Socket
  #window = 0
  #sent = 0
  #acknowledged = 0
  #text = ''
  #isStopping = true
  #isFull = false
  #onChange: () => void = () => {}
  #error: string | null = null

  constructor(port: number, workload: Workload, items: readonly number[]) {
    this.items = items
    this.#linesPerItem = Math.ceil(LINES_PER_BLOCK_MIN / items.length)
    this.#blocks = blocksOf(workload, items, this.#linesPerItem)
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true })
    this.#socket.on('data', bytes => this.#onText(String(bytes)))
    this.#socket.on('drain', () => {
      this.#isFull = false
      this.#write()
    })
    this.#socket.on('error', error => this.#fail(error.message))
    this.#socket.on('close', () => this.#fail('the server ended the connection'))
  }

  connected(): Promise<void> {
    return this.#until(() => this.#window > 0)
  }

  /** Sends until `stop`, then waits for the last acknowledgement. Returns the lines of this time. */
  async run(stop: Promise<unknown>): Promise<number> {
    const before = this.#sent
    this.#isStopping = false
    this.#write()
    stop.then(() => {
      this.#isStopping = true
      this.#onChange()
    })
    await this.#until(() => this.#isStopping && this.#acknowledged === this.#sent)
    return this.#sent - before
  }

  #write(): void {
    const linesPerBlock = this.#linesPerItem * this.items.length
    while (!(this.#isStopping || this.#isFull) && this.#sent - this.#acknowledged + linesPerBlock <= this.#window) {
      const block = this.#blocks[(this.#sent / linesPerBlock) % BLOCKS]!
      this.#sent += linesPerBlock
      this.#isFull = !this.#socket.write(block)
    }
  }

  #onText(text: string): void {
    const lines = (this.#text + text).split('\n')
    this.#text = lines.pop()!
    for (const line of lines) this.#onMessage(line, JSON.parse(line) as FeedMessage)
    this.#write()
    this.#onChange()
  }

  #onMessage(line: string, { window, ack, error, closing }: FeedMessage): void {
    if (error !== undefined || closing !== undefined) this.#fail(line)
    this.#window = window ?? this.#window
    this.#acknowledged = ack ?? this.#acknowledged
  }

  #fail(why: string): void {
    this.#error ??= why
    this.#onChange()
  }

  #until(isMet: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onChange = () => {
        if (this.#error !== null) reject(new Error(`a feed: ${this.#error}`))
        else if (isMet()) resolve()
      }
      this.#onChange()
    })
  }
}

/** Blocks of so many lines of each item, in turn. */
function blocksOf(workload: Workload, items: readonly number[], linesPerItem: number): Buffer[] {
  let stamp = 0
  return Array.from({ length: BLOCKS }, () => {
    const lines: Buffer[] = []
    for (let round = 0; round < linesPerItem; round++) {
      for (const item of items) {
        stamp++
        const frame = frameOf(lineOf(workload, item, stamp), itemName(item), FEED_PROTOCOLS.lines!)
        writeStamp(frame.bytes, frame.stampAt, stamp)
        lines.push(frame.bytes)
      }
    }
    return Buffer.concat(lines)
  })
}
