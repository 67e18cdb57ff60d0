/**
 * Makes bodies: the bytes of one update, delta, snapshot or mark of a view in one encoding, once, in the body heap; the
 * view's cache says where. Each method returns the body's offset and leaves its length in `length`; NO_ROOM says that
 * the heap is full for this turn.
 */

import { copyBytes } from '#src/bytes.ts'
import {
  BODY_BYTES_MAX,
  FIELD_BYTES_MAX,
  MARK_CLEARED,
  MARK_DELETED,
  MARK_FRESH,
  MARK_OUT,
  MARK_SNAPSHOT_END,
  MARK_STALE,
  STREAM_CODECS,
  TERSE,
} from '#src/codec/json-stream.ts'
import { writeLost, writeMark } from '#src/codec/terse-stream.ts'
import type { FieldTable } from '#src/domain/field-table.ts'
import type { Item } from '#src/domain/item.ts'
import {
  ENTRY_DELETED,
  ENTRY_FRESH,
  ENTRY_SNAPSHOT,
  ENTRY_STALE,
  type ItemLog,
  NULL_LENGTH,
} from '#src/domain/item-log.ts'
import type { ValueStore } from '#src/domain/value-store.ts'
import {
  BODY_CLEARED,
  BODY_DELETED,
  BODY_DELTA,
  BODY_FRESH,
  BODY_OUT,
  BODY_SNAPSHOT,
  BODY_SNAPSHOT_END,
  BODY_STALE,
  BodyCache,
  type View,
} from '#src/domain/view.ts'
import type { BodyHeap } from './body-heap.ts'
import type { FlushGroups } from './flush-groups.ts'
import { FunctionResults, RESULT_IS_STATE } from './function-results.ts'
import { definitionOf, terseBytesMax, writeTerseEntry, writeTerseState } from './terse-bodies.ts'

export const NO_ROOM = -1

/** What a place in a view's cache takes: four numbers. */
const PLACE_BYTES = 32
/** Of bodies with merge functions, kept a view and encoding. */
const FUNCTION_PLACES = 16
/** A log entry that no choice of fields names. */
const NO_FIELD = 0xffff

export class Bodies {
  readonly heap: BodyHeap
  readonly #fields: FieldTable
  readonly #store: ValueStore
  /** Of the body returned last. */
  length = 0
  /** Of the body at hand: where what merge functions come to begins. */
  #base = 0
  readonly #results: FunctionResults

  constructor(heap: BodyHeap, fields: FieldTable, store: ValueStore) {
    this.heap = heap
    this.#fields = fields
    this.#store = store
    this.#results = new FunctionResults(fields)
  }

  /** `base`: where what a merge function comes to begins. */
  snapshot(view: View, codec: number, base = 0): number {
    if (view.hasFunctions) return this.#functionState(view, codec, -1, base)
    return this.#state(view, codec, BODY_SNAPSHOT, -1)
  }

  /** The `count` fields that changed after position `since`. */
  delta(view: View, codec: number, since: number, count: number, base = 0): number {
    if (view.hasFunctions) return this.#functionState(view, codec, since, base)
    return this.#state(view, codec, BODY_DELTA + count - 1, since)
  }

  /**
   * Remembers that the updates whose bodies are the tokens from `first` on were served to who stood at `from` with `seq`.
   * Bodies that do not lie one behind the other are copied. The run takes the place of the tokens: who got it first is in
   * step with who gets it next.
   */
  keepRun(view: View, codec: number, from: number, seq: number, groups: FlushGroups, first: number): void {
    const { tokens, tokenLengths, tokenCount } = groups
    const last = tokenCount - 1
    let length = 0
    let isInARow = true
    for (let token = first; token <= last; token++) {
      if (tokens[token] !== tokens[first]! + length) isInARow = false
      length += tokenLengths[token]!
    }
    let offset = tokens[first]!
    if (!isInARow) {
      const { heap } = this
      if (!heap.hasRoom(length)) return
      offset = heap.top
      let at = offset
      for (let token = first; token <= last; token++) {
        at = copyBytes(heap.bytes, tokens[token]!, heap.bytes, at, tokenLengths[token]!)
      }
      heap.finish(at)
    }
    const run = view.newRun(codec)
    run.epoch = this.heap.epoch
    run.from = from
    run.to = view.end
    run.seq = seq
    run.offset = offset
    run.length = length
    run.updates = last + 1 - first
    run.last = length - tokenLengths[last]!
    groups.tokenCount = first
    groups.push(offset, length, run.last, 0)
  }

  /** A session's own record, as text. */
  event(codec: number, text: string): number {
    return this.#copy(STREAM_CODECS[codec]!.event(text))
  }

  /** Terse: what the view's number stands for in subscription `id`. */
  definition(view: View, id: number): number {
    return this.#copy(definitionOf(view, id))
  }

  /** What a poll is answered that found nothing. */
  blank(codec: number): number {
    return this.#copy(STREAM_CODECS[codec]!.keepalive)
  }

  #copy(bytes: Buffer): number {
    if (!this.heap.hasRoom(bytes.length)) return NO_ROOM
    const start = this.heap.top
    bytes.copy(this.heap.bytes, start)
    return this.#finish(start, start + bytes.length)
  }

  stale(view: View, codec: number, isStale: boolean): number {
    return isStale ? this.#mark(view, codec, BODY_STALE, MARK_STALE) : this.#mark(view, codec, BODY_FRESH, MARK_FRESH)
  }

  deleted(view: View, codec: number): number {
    return this.#mark(view, codec, BODY_DELETED, MARK_DELETED)
  }

  snapshotEnd(view: View, codec: number): number {
    return this.#mark(view, codec, BODY_SNAPSHOT_END, MARK_SNAPSHOT_END)
  }

  out(view: View, codec: number): number {
    return this.#mark(view, codec, BODY_OUT, MARK_OUT)
  }

  cleared(view: View, codec: number): number {
    return this.#mark(view, codec, BODY_CLEARED, MARK_CLEARED)
  }

  lost(view: View, codec: number, count: number): number {
    const { prefix } = view.item
    if (!this.heap.hasRoom(prefix.length + BODY_BYTES_MAX)) return NO_ROOM
    const start = this.heap.top
    const out = this.heap.bytes
    if (codec === TERSE) return this.#finish(start, writeLost(out, start, view.number, count))
    return this.#finish(start, STREAM_CODECS[codec]!.lost(out, start, prefix, count))
  }

  /** The raw entry at `position`, as the view shows it under `seq`. */
  entry(view: View, codec: number, log: ItemLog, position: number, seq: number): number {
    const kind = log.kindAt(position)
    if (kind === ENTRY_DELETED) return this.deleted(view, codec)
    if (kind === ENTRY_STALE || kind === ENTRY_FRESH) return this.stale(view, codec, kind === ENTRY_STALE)
    const cache = cacheOf(view, codec)
    const place = BODY_DELTA + log.slotOf(position)
    if (cache.seqs[place] === seq && cache.epochs[place] === this.heap.epoch) {
      this.length = cache.lengths[place]!
      return cache.offsets[place]!
    }
    const start = this.#writeEntry(view, codec, log, position, seq, kind === ENTRY_SNAPSHOT)
    if (start !== NO_ROOM) this.#remember(view, cache, place, seq, start)
    return start
  }

  #state(view: View, codec: number, place: number, since: number): number {
    const cache = cacheOf(view, codec)
    // The newest values may be those of an update that does not pass the filter, and counts for nothing else.
    const seq = view.isLogged && view.filter !== null ? view.item.rawSeq : view.seq
    if (cache.seqs[place] === seq && cache.epochs[place] === this.heap.epoch) {
      this.length = cache.lengths[place]!
      return cache.offsets[place]!
    }
    const start = this.#writeState(view, codec, since)
    if (start !== NO_ROOM) this.#remember(view, cache, place, seq, start)
    return start
  }

  /** With merge functions a body is that of all who stand at `base`: some of the last ones are known. */
  #functionState(view: View, codec: number, since: number, base: number): number {
    const cache = cacheOf(view, codec)
    const place = BODY_DELTA + (base % FUNCTION_PLACES) * 2 + (since < 0 ? 1 : 0)
    const isSame = cache.seqs[place] === view.seq && cache.bases[place] === base && cache.sinces[place] === since
    if (isSame && cache.epochs[place] === this.heap.epoch) {
      this.length = cache.lengths[place]!
      return cache.offsets[place]!
    }
    this.#base = base
    const start = this.#writeState(view, codec, since)
    if (start === NO_ROOM) return start
    this.#remember(view, cache, place, view.seq, start)
    cache.bases[place] = base
    cache.sinces[place] = since
    return start
  }

  #writeState(view: View, codec: number, since: number): number {
    const { item } = view
    if (!this.heap.hasRoom(this.#stateBytesMax(item))) return NO_ROOM
    const out = this.heap.bytes
    if (codec === TERSE) {
      const top = this.heap.top
      const results = view.hasFunctions ? this.#results.begin(view, this.#base) : null
      return this.#finish(top, writeTerseState(out, top, view, since, this.#fields, this.#store, results))
    }
    const results = view.hasFunctions ? this.#results.begin(view, this.#base) : null
    const stream = STREAM_CODECS[codec]!
    const start = this.heap.top
    let at = stream.beginUpdate(out, start, item.prefix, view.seq, since < 0, view.timeMs)
    let isFirst = true
    for (let i = 0; i < item.fieldCount; i++) {
      if (item.changedAt[i]! <= since) continue
      const fieldId = item.fieldIds[i]!
      if (!view.includes(fieldId)) continue
      const prefix = this.#fields.prefixOf(fieldId)
      const length = results === null ? RESULT_IS_STATE : results.find(fieldId)
      at =
        length === RESULT_IS_STATE
          ? stream.field(out, at, isFirst, prefix, this.#store.bytes, item.blockOffsets[i]!, item.lengths[i]!)
          : stream.field(out, at, isFirst, prefix, results!.bytes, 0, length)
      isFirst = false
    }
    return this.#finish(start, stream.endUpdate(out, at))
  }

  #writeEntry(view: View, codec: number, log: ItemLog, position: number, seq: number, isSnapshot: boolean): number {
    const bytes = log.bytes
    const end = log.offsetAt(position) + log.lengthAt(position)
    const { prefix } = view.item
    if (!this.heap.hasRoom(this.#entryBytesMax(log, position) + prefix.length)) return NO_ROOM
    const out = this.heap.bytes
    if (codec === TERSE) {
      const top = this.heap.top
      return this.#finish(top, writeTerseEntry(out, top, view, log, position, seq, isSnapshot, this.#fields))
    }
    const stream = STREAM_CODECS[codec]!
    const start = this.heap.top
    let target = stream.beginUpdate(out, start, prefix, seq, isSnapshot, log.timeMsAt(position))
    let isFirst = true
    let at = log.offsetAt(position)
    while (at < end) {
      const fieldId = bytes[at]! | (bytes[at + 1]! << 8)
      const length16 = bytes[at + 2]! | (bytes[at + 3]! << 8)
      const length = length16 === NULL_LENGTH ? -1 : length16
      at += 4
      if (fieldId !== NO_FIELD && view.includes(fieldId)) {
        target = stream.field(out, target, isFirst, this.#fields.prefixOf(fieldId), bytes, at, length)
        isFirst = false
      }
      if (length > 0) at += length
    }
    return this.#finish(start, stream.endUpdate(out, target))
  }

  #stateBytesMax(item: Item): number {
    let total = item.prefix.length + BODY_BYTES_MAX + terseBytesMax(item.fieldCount)
    const { functions } = item.settings
    if (functions !== null) total += functions.columns.count * functions.columns.resultBytesMax
    for (let i = 0; i < item.fieldCount; i++) {
      total += this.#fields.prefixOf(item.fieldIds[i]!).length + FIELD_BYTES_MAX + Math.max(0, item.lengths[i]!)
    }
    return total
  }

  #entryBytesMax(log: ItemLog, position: number): number {
    const bytes = log.bytes
    const end = log.offsetAt(position) + log.lengthAt(position)
    let total = BODY_BYTES_MAX
    let at = log.offsetAt(position)
    while (at < end) {
      const fieldId = bytes[at]! | (bytes[at + 1]! << 8)
      const length16 = bytes[at + 2]! | (bytes[at + 3]! << 8)
      const length = length16 === NULL_LENGTH ? 0 : length16
      if (fieldId !== NO_FIELD) {
        total += this.#fields.prefixOf(fieldId).length + FIELD_BYTES_MAX + length + terseBytesMax(1)
      }
      at += 4 + length
    }
    return total
  }

  #mark(view: View, codec: number, place: number, mark: number): number {
    const cache = cacheOf(view, codec)
    if (cache.seqs[place] === 0 && cache.epochs[place] === this.heap.epoch) {
      this.length = cache.lengths[place]!
      return cache.offsets[place]!
    }
    const { prefix } = view.item
    if (!this.heap.hasRoom(prefix.length + BODY_BYTES_MAX)) return NO_ROOM
    const start = this.heap.top
    const out = this.heap.bytes
    if (codec === TERSE) this.#finish(start, writeMark(out, start, view.number, mark))
    else this.#finish(start, STREAM_CODECS[codec]!.mark(out, start, prefix, mark))
    this.#remember(view, cache, place, 0, start)
    return start
  }

  #finish(start: number, end: number): number {
    this.length = end - start
    this.heap.finish(end)
    return start
  }

  #remember(view: View, cache: BodyCache, place: number, seq: number, start: number): void {
    const missing = place + 1 - cache.seqs.length
    if (missing > 0 && !view.take(missing * PLACE_BYTES)) return
    while (cache.seqs.length <= place) {
      cache.seqs.push(-1)
      cache.epochs.push(0)
      cache.offsets.push(0)
      cache.lengths.push(0)
    }
    cache.seqs[place] = seq
    cache.epochs[place] = this.heap.epoch
    cache.offsets[place] = start
    cache.lengths[place] = this.length
  }
}

function cacheOf(view: View, codec: number): BodyCache {
  const known = view.caches[codec]
  if (known !== null && known !== undefined) return known
  const cache = new BodyCache()
  view.caches[codec] = cache
  return cache
}
