/**
 * What a feed publishes, as a numbered sequence: when update n is due, of which item it is, and its bytes. A frame is
 * made once; its stamp is written in place when it is sent.
 */

import { itemName, lineOf, type Workload } from '#perf/workload.ts'
import type { FeedProtocol } from './feed-protocols.ts'
import type { Recording } from './recording.ts'
import { MARKER, STAMP_DIGITS, writeStamp } from './stamp.ts'

export interface Frame {
  readonly bytes: Buffer
  readonly stampAt: number
}

export interface Source {
  readonly items: number
  /** µs after the start at which update `number` is due. `rate`: updates a second of an item; of a recording its speed. */
  dueUs(number: number, rate: number): number
  itemOf(number: number): number
  frameOf(number: number): Frame
  /** Has to be told of every update that was sent: what is true at the end depends on it. */
  noteSent(number: number): void
  /** The last update of an item; of a table those of both sides. */
  lastFramesOf(item: number): readonly Frame[]
  /** A line with all fields of an item, or all its rows, when its last update has this stamp. */
  truthOf(item: number, stamp: number): string
}

/** Different values that each item goes through. */
const VARIANTS = 8
const US_PER_SECOND = 1_000_000

export function frameOf(line: string, item: string, protocol: FeedProtocol): Frame {
  const bytes = Buffer.from(line)
  const before = protocol.before(item, bytes.length)
  const stampAt = before.length + bytes.indexOf(MARKER) + MARKER.length
  return { bytes: Buffer.concat([before, bytes, protocol.after]), stampAt }
}

/** Updates are due evenly spread over the items: update n is one of item n modulo items. */
export function workloadSource(workload: Workload, protocol: FeedProtocol): Source {
  const { items } = workload
  const frameAt = (item: number, values: number): Frame =>
    frameOf(lineOf(workload, item, values), itemName(item), protocol)
  const frames = Array.from({ length: items }, (_, item) => {
    return Array.from({ length: VARIANTS }, (_, values) => frameAt(item, values))
  })
  return {
    items,
    dueUs: (number, rate) => (number * US_PER_SECOND) / (rate * items),
    itemOf: number => number % items,
    frameOf: number => frames[number % items]![Math.floor(number / items) % VARIANTS]!,
    noteSent: () => {},
    lastFramesOf: item => [frameAt(item, VARIANTS)],
    truthOf: (item, stamp) => stamped(lastLineOf(workload, item), stamp),
  }
}

/** Of an item of values, without its stamp. */
export function lastLineOf(workload: Workload, item: number): string {
  return lineOf(workload, item, VARIANTS)
}

/** The recording over and over. */
export function recordingSource(recording: Recording, protocol: FeedProtocol): Source {
  const { names, lines, loopUs } = recording
  const frames = lines.map(({ item, fields }) => frameOf(stampedLineOf(names[item]!, fields), names[item]!, protocol))
  const values = names.map((): Record<string, string | null> => ({}))
  return {
    items: names.length,
    dueUs: (number, rate) => {
      const loop = Math.floor(number / lines.length)
      return (loop * loopUs + lines[number % lines.length]!.atUs) / rate
    },
    itemOf: number => lines[number % lines.length]!.item,
    frameOf: number => frames[number % lines.length]!,
    noteSent: number => {
      const { item, fields } = lines[number % lines.length]!
      Object.assign(values[item]!, fields)
    },
    lastFramesOf: item => [frameOf(stampedLineOf(names[item]!, {}), names[item]!, protocol)],
    truthOf: (item, stamp) => stamped(stampedLineOf(names[item]!, values[item]!), stamp),
  }
}

function stampedLineOf(item: string, fields: Readonly<Record<string, string | null>>): string {
  return JSON.stringify({ item, fields: { ...fields, at: '0'.repeat(STAMP_DIGITS) } })
}

function stamped(line: string, stamp: number): string {
  const bytes = Buffer.from(line)
  writeStamp(bytes, bytes.indexOf(MARKER) + MARKER.length, stamp)
  return bytes.toString()
}
