/**
 * What a feed's line means, slowly and obviously: JSON.parse says what is JSON, a walk over the tokens of its text says
 * what JSON.parse hides (keys that stand twice, the text of numbers). For comparison with FeedLineParser; it tells good
 * from bad, but not which code a bad line gets.
 */

import type { FeedLineLimits } from '#src/codec/feed-line.ts'
import { isName } from '#src/domain/names.ts'

export type ReferenceLine =
  | { kind: 'blank' | 'bad' }
  | {
      kind: 'update'
      item: string
      isSnapshot: boolean
      timeMs: number
      fields: [name: string, value: string | null][]
    }
  | { kind: 'delete'; item: string; timeMs: number }
  | { kind: 'greeting'; name: string; isOnDemand: boolean; heartbeatMs: number; handles: readonly string[] }
  | { kind: 'answer'; number: number; text: string }

const BAD: ReferenceLine = { kind: 'bad' }
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs

/** `items` and `fieldNames` are the names known; a good line adds its own, up to the bounds. */
export function referenceLine(
  line: Buffer,
  limits: FeedLineLimits,
  items: Set<string>,
  itemsMax: number,
  fieldNames: Set<string>,
  fieldNamesMax: number,
): ReferenceLine {
  let text: string
  let value: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line)
    if (/^[ \t\r\n]*$/.test(text)) return { kind: 'blank' }
    value = JSON.parse(text)
  } catch {
    return BAD
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return BAD
  const texts = new Map<string, string>()
  const members = topMembers(text, texts)
  if (members === null) return BAD
  const keys = [...members.keys()]
  const timeMs = members.has('time') ? asTime(members.get('time')) : Number.NaN
  if (timeMs === null) return BAD
  if (members.has('at') && !isNumber(members.get('at'))) return BAD
  if (members.has('mode') && asString(members.get('mode')) === null) return BAD
  const handles = handlesOf(texts.get('handles'), limits)
  if (handles === null || !isAnswerable(members, texts)) return BAD
  if (members.has('feed')) return greeting(members, keys, limits, handles)
  if (members.has('answer')) return answer(texts, keys)
  const item = asString(members.get('item'))
  if (item === null || !isName(item, limits.itemNameBytesMax)) return BAD
  const isItemRoom = items.has(item) || items.size < itemsMax
  if (members.has('deleted')) {
    if (members.get('deleted') !== 'true' || !only(keys, ['item', 'deleted', 'time', 'at', 'mode'])) return BAD
    if (!isItemRoom) return BAD
    items.add(item)
    return { kind: 'delete', item, timeMs }
  }
  if (!only(keys, ['item', 'fields', 'snapshot', 'time', 'at', 'mode'])) return BAD
  const snapshot = members.has('snapshot') ? members.get('snapshot') : 'false'
  const fields = fieldsOf(members.get('fields'), limits)
  if (fields === null || (snapshot !== 'true' && snapshot !== 'false')) return BAD
  if (fields.length === 0 && snapshot !== 'true') return BAD
  const newNames = fields.map(([name]) => name).filter(name => !fieldNames.has(name))
  if (!isItemRoom || fieldNames.size + newNames.length > fieldNamesMax) return BAD
  items.add(item)
  for (const name of newNames) fieldNames.add(name)
  return { kind: 'update', item, isSnapshot: snapshot === 'true', timeMs, fields }
}

function greeting(
  members: Map<string, Member>,
  keys: string[],
  limits: FeedLineLimits,
  handles: readonly string[],
): ReferenceLine {
  const name = asString(members.get('feed'))
  const onDemand = members.has('onDemand') ? members.get('onDemand') : 'false'
  const heartbeat = members.has('heartbeat') ? members.get('heartbeat') : '0'
  if (!only(keys, ['feed', 'onDemand', 'heartbeat', 'handles'])) return BAD
  if (name === null || !isName(name, limits.itemNameBytesMax)) return BAD
  if (onDemand !== 'true' && onDemand !== 'false') return BAD
  if (!isNumber(heartbeat)) return BAD
  const heartbeatMs = Number(heartbeat)
  if (heartbeatMs !== 0 && !(Number.isInteger(heartbeatMs) && heartbeatMs >= 100 && heartbeatMs <= 3_600_000))
    return BAD
  return { kind: 'greeting', name, isOnDemand: onDemand === 'true', heartbeatMs: heartbeatMs + 0, handles }
}

/** The keys of an answer, wherever they stand, hold what they may hold. */
function isAnswerable(members: Map<string, Member>, texts: Map<string, string>): boolean {
  const number = Number(texts.get('answer') ?? 1)
  if (members.has('answer') && !isNumber(members.get('answer'))) return false
  if (!Number.isSafeInteger(number) || number <= 0) return false
  if (members.has('error') && asString(members.get('error')) === null) return false
  return (texts.get('result')?.match(TOKEN) ?? []).every(token => !token.startsWith('"') || asString(token) !== null)
}

function answer(texts: Map<string, string>, keys: string[]): ReferenceLine {
  const number = Number(texts.get('answer'))
  const error = texts.get('error')
  if (error !== undefined && only(keys, ['answer', 'error'])) {
    return { kind: 'answer', number, text: `{"error":${JSON.stringify(JSON.parse(error))}}` }
  }
  if (!texts.has('result') || !only(keys, ['answer', 'result'])) return BAD
  return { kind: 'answer', number, text: `{"result":${texts.get('result')}}` }
}

/** The targets; null when they are no list of them. */
function handlesOf(text: string | undefined, limits: FeedLineLimits): string[] | null {
  const targets: unknown = JSON.parse(text ?? '[]')
  if (!Array.isArray(targets) || targets.length > 64) return null
  const isTarget = (target: unknown): boolean => {
    if (typeof target !== 'string') return false
    return /\*$/.test(target)
      ? isName(`${target.slice(0, -1)}x`, limits.itemNameBytesMax + 1)
      : isName(target, limits.itemNameBytesMax)
  }
  return targets.every(isTarget) ? targets : null
}

/** A token of a value, or the members of an object; null stands for what no key may have. */
type Member = string | Map<string, Member> | null

/** The members of the text's object by their decoded keys; null when a key stands twice. `texts` gets them without space. */
function topMembers(text: string, texts: Map<string, string>): Map<string, Member> | null {
  const tokens = text.match(TOKEN) ?? []
  let at = 0
  const object = (depth: number): Map<string, Member> | null => {
    const members = new Map<string, Member>()
    let isUnique = true
    at++
    while (tokens[at] !== '}') {
      if (tokens[at] === ',') at++
      const key = JSON.parse(tokens[at]!) as string
      at += 2
      if (members.has(key)) isUnique = false
      const from = at
      if (tokens[at] === '{') members.set(key, object(depth + 1))
      else if (tokens[at] === '[') members.set(key, array())
      else members.set(key, tokens[at++]!)
      if (depth === 0) texts.set(key, tokens.slice(from, at).join(''))
    }
    at++
    return isUnique ? members : null
  }
  const array = (): null => {
    at++
    while (tokens[at] !== ']') {
      if (tokens[at] === '{') object(9)
      else if (tokens[at] === '[') array()
      else at++
    }
    at++
    return null
  }
  return object(0)
}

function fieldsOf(member: Member | undefined, limits: FeedLineLimits): [string, string | null][] | null {
  if (!(member instanceof Map) || member.size > limits.fieldsMax) return null
  const fields: [string, string | null][] = []
  for (const [name, token] of member) {
    if (!isName(name, limits.fieldNameBytesMax) || typeof token !== 'string') return null
    const text = token.startsWith('"') ? asString(token) : token
    if (text === null || token === 'true' || token === 'false') return null
    const content = token.startsWith('"') ? JSON.stringify(text).slice(1, -1) : text
    if (token !== 'null' && Buffer.byteLength(content) > limits.valueBytesMax) return null
    fields.push([name, token === 'null' ? null : content])
  }
  return fields
}

function asTime(token: Member | undefined): number | null {
  if (!isNumber(token)) return null
  const timeMs = Number(token)
  return timeMs >= 0 && timeMs <= 8_640_000_000_000_000 ? timeMs + 0 : null
}

function isNumber(token: Member | undefined): boolean {
  return typeof token === 'string' && /^[-0-9]/.test(token)
}

/** The decoded string; null when it is none, or holds half of a surrogate pair. */
function asString(token: Member | undefined): string | null {
  if (typeof token !== 'string' || !token.startsWith('"')) return null
  const text = JSON.parse(token) as string
  return text.isWellFormed() ? text : null
}

function only(keys: string[], allowed: string[]): boolean {
  return keys.every(key => allowed.includes(key))
}
