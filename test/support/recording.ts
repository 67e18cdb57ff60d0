/** Inputs for end-to-end tests: the recorded market data where it is at hand, and generated lines, which always are. */

import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Random } from './random.ts'
import type { ModelLine } from './stream-model.ts'

const REPOSITORY = new URL('../..', import.meta.url).pathname

/** The recording's path, or null where it is absent. `MILLRACE_DATA` names the folder that it is in. */
export function recordingPath(): string | null {
  const folder = process.env.MILLRACE_DATA ?? resolve(REPOSITORY, '../shared/data')
  const path = resolve(folder, 'capture.ndjson.gz')
  return existsSync(path) ? path : null
}

/** The recording's lines as they stand. */
export function recordedLines(path: string): string[] {
  return gunzipSync(readFileSync(path)).toString('utf8').trimEnd().split('\n')
}

const FIELD_NAMES = ['bid', 'ask', 'price', 'size', 'note']

/** Updates that repeat values, snapshots that drop fields, nulls, deletions and returns; at the end every item is there. */
export function generatedLines(random: Random, itemCount: number, lineCount: number): ModelLine[] {
  return Array.from({ length: lineCount + itemCount }, (_, index) => {
    if (index >= lineCount) return { item: `gen.${index - lineCount}`, fields: { price: 'last' } }
    const item = `gen.${random.int(itemCount)}`
    if (random.chance(0.005)) return { item, deleted: true }
    const fields: Record<string, string | null> = {}
    const names = 1 + random.int(FIELD_NAMES.length)
    for (let i = 0; i < names; i++) {
      fields[random.pick(FIELD_NAMES)] = random.chance(0.05) ? null : String(random.int(30) / 4)
    }
    return random.chance(0.02) ? { item, snapshot: true, fields } : { item, fields }
  })
}
