/** A parser of feed lines with small limits and tables of its own, and what it makes of a line in the reference's words. */

import {
  type FeedLineLimits,
  FeedLineParser,
  LINE_ANSWER,
  LINE_BAD,
  LINE_BLANK,
  LINE_DELETE,
  LINE_GREETING,
  LINE_UPDATE,
} from '#src/codec/feed-line.ts'
import { NameTable } from '#src/codec/name-table.ts'
import type { ReferenceLine } from './feed-line-reference.ts'

export const LIMITS: FeedLineLimits = { itemNameBytesMax: 16, fieldNameBytesMax: 9, fieldsMax: 4, valueBytesMax: 12 }

export class Fixture {
  readonly items: NameTable
  readonly fields: NameTable
  readonly parser: FeedLineParser

  constructor(limits = LIMITS, itemsMax = 100, fieldsMax = 100) {
    this.items = new NameTable(itemsMax, limits.itemNameBytesMax)
    this.fields = new NameTable(fieldsMax, limits.fieldNameBytesMax)
    this.parser = new FeedLineParser(limits, this.items, this.fields)
  }

  /** The line in the midst of other bytes, as in a chunk. */
  parse(line: string | Buffer): ReferenceLine {
    const bytes = Buffer.concat([Buffer.from('"x"\n'), Buffer.from(line), Buffer.from('\n{"y"')])
    const kind = this.parser.parse(bytes, 4, bytes.length - 5)
    const { parser } = this
    switch (kind) {
      case LINE_BLANK:
        return { kind: 'blank' }
      case LINE_BAD:
        return { kind: 'bad' }
      case LINE_GREETING:
        return {
          kind: 'greeting',
          name: parser.feedName,
          isOnDemand: parser.isOnDemand,
          heartbeatMs: parser.heartbeatMs,
          handles: parser.message.handles,
        }
      case LINE_ANSWER:
        return { kind: 'answer', number: parser.message.number, text: parser.message.text }
      case LINE_DELETE:
        return { kind: 'delete', item: this.items.textOf(parser.itemId), timeMs: parser.timeMs }
      case LINE_UPDATE:
        return {
          kind: 'update',
          item: this.items.textOf(parser.itemId),
          isSnapshot: parser.isSnapshot,
          timeMs: parser.timeMs,
          fields: this.#values(),
        }
    }
  }

  #values(): [string, string | null][] {
    const { fieldCount, fieldIds, valueBytes, valueOffsets, valueLengths } = this.parser
    const values: [string, string | null][] = []
    for (let i = 0; i < fieldCount; i++) {
      const start = valueOffsets[i]!
      const length = valueLengths[i]!
      const value = length < 0 ? null : valueBytes.toString('utf8', start, start + length)
      values.push([this.fields.textOf(fieldIds[i]!), value])
    }
    return values
  }
}
