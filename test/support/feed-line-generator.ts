/** Random lines of feeds for property tests: mostly good, in every shape that is allowed, some wrong, some broken. */

import type { Random } from './random.ts'

const CHARACTERS = [
  'a',
  'b',
  'Z',
  '1',
  '.',
  '-',
  ' ',
  '/',
  '"',
  '\\',
  'é',
  '€',
  '𝄞',
  '\n',
  '\u0001',
  '\u007f',
  ',',
  '*',
]
const NUMBERS = [
  '0',
  '-0',
  '1',
  '7.610',
  '1e5',
  '1E+2',
  '-12.5e-3',
  '1626992742115',
  '16.4',
  '99',
  '100',
  '1e400',
  '01',
  '.5',
  '1.',
  '9007199254740993',
]

/** Known and unknown: each wrong beside most others. */
const STRAY_KEYS = ['item', 'fields', 'deleted', 'feed', 'onDemand', 'bid', 'result', '__proto__']

function stringText(random: Random, lengthMax: number): string {
  let text = ''
  for (let length = random.int(lengthMax + 1); length > 0; length--) {
    const character = random.chance(0.8) ? random.pick('abcdefgh'.split('')) : random.pick(CHARACTERS)
    const unit = character.charCodeAt(0)
    if (random.chance(0.06)) text += [...character].map(escapeOf).join('')
    else if (unit < 0x20 || character === '"' || character === '\\') text += JSON.stringify(character).slice(1, -1)
    else text += character
  }
  if (random.chance(0.01)) text += '\\ud800'
  return `"${text}"`
}

function escapeOf(character: string): string {
  let text = ''
  for (let i = 0; i < character.length; i++) text += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`
  return text
}

function anyValue(random: Random): string {
  if (random.chance(0.7)) return stringText(random, 8)
  if (random.chance(0.7)) return random.pick(NUMBERS)
  return random.pick(['null', 'null', 'true', 'false', '{}', '[1,{"a":[]}]', '{"a":"b"}'])
}

function fieldsText(random: Random, space: () => string): string {
  const parts: string[] = []
  for (let count = random.int(5); count > 0; count--) {
    const name = random.chance(0.8) ? `"${random.pick(['bid', 'ask', 'size', 'last', 'x'])}"` : stringText(random, 5)
    const value = random.chance(0.9)
      ? random.pick([`"${random.int(1_000) / 8}"`, stringText(random, 10), random.pick(NUMBERS), 'null'])
      : anyValue(random)
    parts.push(`${space()}${name}${space()}:${space()}${value}`)
  }
  return `{${parts.join(`${space()},`)}${space()}}`
}

/** Any JSON, nested up to `depth` deep. */
function jsonText(random: Random, space: () => string, depth: number): string {
  const kind = random.int(depth > 0 ? 4 : 2)
  if (kind === 0) return stringText(random, 6)
  if (kind === 1) return random.pick([...NUMBERS, 'null', 'true', 'false'])
  const inner = (): string => jsonText(random, space, depth - 1)
  if (kind === 2) return listText(random, space, inner)
  // A key may stand twice here: what an answer holds is not looked into.
  const parts = Array.from({ length: random.int(3) }, () => `${stringText(random, 2)}${space()}:${space()}${inner()}`)
  return `{${space()}${parts.join(`${space()},${space()}`)}${space()}}`
}

function listText(random: Random, space: () => string, element: () => string): string {
  const parts = Array.from({ length: random.int(4) }, element)
  return `[${space()}${parts.join(`${space()},${space()}`)}${space()}]`
}

function memberText(random: Random, key: string, space: () => string): string {
  if (random.chance(0.04)) return anyValue(random)
  switch (key) {
    case 'item':
    case 'feed':
      return random.chance(0.8) ? `"item-${random.int(30)}"` : stringText(random, 14)
    case 'fields':
      return fieldsText(random, space)
    case 'time':
    case 'at':
    case 'heartbeat':
      return random.pick(NUMBERS)
    case 'mode':
    case 'error':
      return stringText(random, 5)
    case 'answer':
      return random.chance(0.7) ? String(1 + random.int(99)) : random.pick(NUMBERS)
    case 'result':
      return jsonText(random, space, 3)
    case 'handles':
      return listText(random, space, () => random.pick(['"orders"', '"fx.*"', '"*"', stringText(random, 8)]))
    case 'deleted':
      return 'true'
    default:
      return random.pick(['true', 'false'])
  }
}

/** What may stand beside the first key of a line. */
function moreKeys(first: string): string[] {
  if (first === 'feed') return ['onDemand', 'heartbeat', 'handles']
  return first === 'answer' ? [] : ['time', 'snapshot', 'at', 'mode']
}

export function lineText(random: Random): string {
  if (random.chance(0.02)) return random.pick(['', ' ', '\r', 'null', '[]', '"item"'])
  const isSpaced = random.chance(0.15)
  const space = (): string => (isSpaced ? random.pick(['', ' ', '\t', '  ']) : '')
  const keys = random.pick([
    ...[
      ['item', 'fields'],
      ['item', 'fields'],
      ['item', 'fields'],
      ['item', 'fields'],
    ],
    ...[['item', 'deleted'], ['feed'], ['answer', 'result'], ['answer', 'error']],
  ])
  const more = moreKeys(keys[0]!)
  const all = [...keys, ...more.filter(() => random.chance(0.3))]
  if (random.chance(0.03)) all.push(random.pick(STRAY_KEYS))
  if (random.chance(0.03)) all.splice(random.int(all.length), 1)
  if (random.chance(0.1)) all.unshift('at')
  if (random.chance(0.3)) all.sort(() => (random.chance(0.5) ? 1 : -1))
  const parts = all.map(key => {
    const quoted = random.chance(0.01) ? `"${escapeOf(key)}"` : `"${key}"`
    return `${space()}${quoted}${space()}:${space()}${memberText(random, key, space)}`
  })
  return `${space()}{${parts.join(`${space()},`)}${space()}}${space()}${random.chance(0.1) ? '\r' : ''}`
}

/** Breaks a line in one of the ways in which lines break. */
export function mutated(random: Random, line: Buffer): Buffer {
  const at = random.int(line.length + 1)
  const behind = Math.min(line.length, at + random.int(4))
  const [head, tail] = [line.subarray(0, at), line.subarray(behind)]
  switch (random.int(5)) {
    case 0:
      return Buffer.from(head)
    case 1:
      return Buffer.concat([head, tail])
    case 2:
      return Buffer.concat([head, Buffer.from([random.int(256)]), tail])
    case 3:
      return Buffer.concat([
        head,
        Buffer.from(random.pick(['"', '\\', '{', '}', ',', ':', '0', ' ', '\\u', '\0'])),
        line.subarray(at),
      ])
    default:
      return Buffer.concat([line.subarray(0, behind), line.subarray(at)])
  }
}
