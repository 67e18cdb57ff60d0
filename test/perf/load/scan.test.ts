/** Counting without parsing, against a search of the whole stream. */

import test from 'ava'
import { newCarry, READ_BYTES, Scanner } from '#perf/load/scan.ts'
import { MARKER, STAMP_DIGITS } from '#perf/load/stamp.ts'
import { Random, seedOr } from '#test/support/random.ts'

const SPAN = MARKER.length + STAMP_DIGITS
const ROUNDS = 300

function naive(text: string): number[] {
  const found = text.matchAll(new RegExp(`${MARKER}(\\d{${STAMP_DIGITS}})`, 'g'))
  return [...found].map(([, stamp]) => Number(stamp))
}

/** What a scanner takes from a stream that comes in these parts. */
function scanned(scanner: Scanner, parts: readonly Buffer[]): { count: number; stamps: number[] } {
  const carry = newCarry()
  const stamps: number[] = []
  let count = 0
  for (const part of parts) {
    part.copy(scanner.target)
    count += scanner.scan(carry, part.length, stamp => stamps.push(stamp))
  }
  return { count, stamps }
}

function split(random: Random, bytes: Buffer, lengthMax: number): Buffer[] {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + 1 + random.int(lengthMax))
    parts.push(bytes.subarray(at, end))
    at = end
  }
  return parts
}

function update(random: Random, length: number): string {
  const stamp = String(random.int(2 ** 31)).padStart(STAMP_DIGITS, '0')
  return MARKER + stamp + 'x'.repeat(Math.max(0, length - SPAN))
}

/** Pieces of markers and stamps, and what looks like them; a whole marker has its stamp. */
function noise(random: Random): string {
  const whole = update(random, SPAN)
  return random.pick([
    whole.slice(0, random.int(MARKER.length)),
    whole.slice(1 + random.int(SPAN - 1)),
    '"',
    '"at"',
    '{}\n',
    '0123456789',
  ])
}

test('[PF1] whatever comes, in whatever parts, the scanner finds the updates that a search of the whole finds', t => {
  const random = new Random(seedOr(1))
  for (let round = 0; round < ROUNDS; round++) {
    const distanceMin = SPAN + 1 + random.int(60)
    const scanner = new Scanner(distanceMin)
    const pieces = Array.from({ length: random.int(60) }, () => {
      // As far from the next one as updates are, and some twice and three times as far.
      const length = distanceMin + random.pick([0, 1, distanceMin, 2 * distanceMin, random.int(80)])
      return random.chance(0.8) ? update(random, length) : `|${noise(random)}|`
    })
    const text = pieces.join('')
    const lengthMax = random.pick([1, 7, 40, 500, READ_BYTES])
    const found = scanned(scanner, split(random, Buffer.from(text), lengthMax))
    const about = `seed ${random.seed}, round ${round}, parts of ${lengthMax} at most: ${text}`
    t.deepEqual(found.stamps, naive(text), about)
    t.is(found.count, found.stamps.length, about)
  }
})

test('[PF2] the scanner never jumps over an update, even where two are as long as the one before', t => {
  const random = new Random(seedOr(2))
  for (const [long, short] of [
    [120, 60],
    [100, 50],
    [90, 30],
  ] as const) {
    const scanner = new Scanner(short)
    const lengths = [long, long, long, short, short, long, short, short, short, short, long, long - short, short, long]
    const text = lengths.map(length => update(random, length)).join('')
    t.deepEqual(scanned(scanner, [Buffer.from(text)]).stamps, naive(text), `${long} and ${short}`)
    // The next read begins with a short one where the last began with a long one.
    const next = lengths.toReversed().map(length => update(random, length))
    const parts = next.map((_, index) => Buffer.from(next.slice(index).join('')))
    const found = scanned(scanner, parts)
    t.is(found.count, naive(parts.join('')).length, `${long} and ${short}, again`)
  }
})

test('[PF2] where all updates are equally long, none is missed by the shortcut', t => {
  const random = new Random(seedOr(3))
  const scanner = new Scanner(100)
  const text = Array.from({ length: 1_000 }, () => update(random, 110)).join('')
  for (const lengthMax of [50, 109, 110, 111, 1_000, READ_BYTES]) {
    t.deepEqual(scanned(scanner, split(random, Buffer.from(text), lengthMax)).stamps, naive(text), `${lengthMax}`)
  }
})
