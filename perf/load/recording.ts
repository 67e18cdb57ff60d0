/**
 * Recorded market data as a feed plays it: `{"at":ms,"item":…,"fields":{…}}` a line, gzipped, in the order of time. Only
 * items and fields are used.
 */

import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

export interface RecordedLine {
  readonly atUs: number
  /** Index in names. */
  readonly item: number
  readonly fields: Readonly<Record<string, string | null>>
}

export interface Recording {
  readonly names: readonly string[]
  readonly lines: readonly RecordedLine[]
  /** From the first line of one round to that of the next. */
  readonly loopUs: number
}

const US_PER_MS = 1_000

export function readRecording(path: string): Recording {
  const numbers = new Map<string, number>()
  const texts = gunzipSync(readFileSync(path)).toString('utf8').trimEnd().split('\n')
  const lines = texts.map((text): RecordedLine => {
    const { at, item, fields } = JSON.parse(text) as { at: number; item: string; fields: RecordedLine['fields'] }
    if (!numbers.has(item)) numbers.set(item, numbers.size)
    return { atUs: at * US_PER_MS, item: numbers.get(item)!, fields }
  })
  const lengthUs = lines.at(-1)!.atUs
  // As far behind the last line as lines are from each other in the mean.
  const loopUs = lengthUs + lengthUs / lines.length
  return { names: [...numbers.keys()], lines, loopUs }
}
