/**
 * Reads a recording: a file of feed lines, NDJSON, plain or gzipped (told by its first bytes, not by its name).
 *
 * Invariants (test/rules.md, N):
 *  - The file is streamed: memory is bounded by its chunks and by the longest line, LINE_BYTES_MAX.
 *  - Every line that is not empty is either a record or bad, and counted as that; bad lines are passed over.
 */

import { isUtf8 } from 'node:buffer'
import { type FileHandle, open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { LineSplitter } from '#src/codec/lines.ts'
import { ProgramError } from '#src/errors.ts'
import { printable } from '#src/printable.ts'

/** No server takes a longer line: the upper end of feedLineBytesMax. */
const LINE_BYTES_MAX = 16_777_216
const READ_BYTES = 262_144
const NEWLINE = Buffer.from('\n')

export interface RecordedLine {
  /** Counted from 1. */
  readonly lineNumber: number
  /** The line as it stands in the file, without its newline. */
  readonly text: string
  /** When it was recorded, in ms of the recording's own time; null when the line does not say. */
  readonly atMs: number | null
}

export interface BadLine {
  readonly lineNumber: number
  readonly reason: string
}

/** What a reader of a recording does with its lines. */
export interface RecordingHandler {
  /** Resolves when the next line may come; nothing is read ahead meanwhile but the chunk at hand. False ends the reading. */
  record(line: RecordedLine): Promise<boolean>
  bad(line: BadLine): void
  /** How far the reading is, in bytes of the file, compressed where it is. */
  progress(readBytes: number, fileBytes: number): void
}

/** Reads the file from its first line to its last. Throws a ProgramError when it cannot be read. */
export async function readRecording(file: string, handler: RecordingHandler): Promise<void> {
  const handle = await openFile(file)
  try {
    await readLines(file, handle, handler)
  } finally {
    await handle.close()
  }
}

/** Fails early, before anything is connected, when the file is not one that can be read. */
export async function checkRecording(file: string): Promise<void> {
  await (await openFile(file)).close()
}

async function openFile(file: string): Promise<FileHandle> {
  let handle: FileHandle
  try {
    handle = await open(file, 'r')
  } catch (error) {
    throw new ProgramError('FILE_NOT_READABLE', (error as Error).message)
  }
  if ((await handle.stat()).isFile()) return handle
  await handle.close()
  throw new ProgramError('FILE_NOT_READABLE', `${file}: is not a file`)
}

async function readLines(file: string, handle: FileHandle, handler: RecordingHandler): Promise<void> {
  const fileBytes = (await handle.stat()).size
  const source = handle.createReadStream({ start: 0, highWaterMark: READ_BYTES, autoClose: false })
  const isPacked = await isGzip(handle)
  const splitter = new LineSplitter(LINE_BYTES_MAX)
  let lineNumber = 0
  const takeLines = async (chunk: Buffer): Promise<boolean> => {
    splitter.push(chunk)
    while (splitter.next()) {
      lineNumber++
      const line = readLine(splitter, lineNumber)
      if (line === null) continue
      if ('reason' in line) handler.bad(line)
      else if (!(await handler.record(line))) return false
    }
    handler.progress(source.bytesRead, fileBytes)
    return true
  }
  try {
    for await (const chunk of isPacked ? unpacked(source) : source) {
      if (!(await takeLines(chunk as Buffer))) return
    }
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    const isData = code.startsWith('Z_') || code.startsWith('ERR_')
    if (error instanceof ProgramError || code === '') throw error
    const reason = `${file}: after line ${lineNumber}: ${(error as Error).message}`
    throw new ProgramError(isData ? 'DATA_INVALID' : 'FILE_NOT_READABLE', reason)
  } finally {
    source.destroy()
  }
  // The last line need not end in a newline.
  if (splitter.partialBytes > 0) await takeLines(NEWLINE)
}

async function isGzip(handle: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0)
  return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
}

function unpacked(source: Readable): Readable {
  const gunzip = createGunzip({ chunkSize: READ_BYTES })
  // An error of the file must reach who reads what comes out.
  source.on('error', error => gunzip.destroy(error))
  return source.pipe(gunzip)
}

/** The splitter's line as a record or as a bad one; null when it is empty. */
function readLine(splitter: LineSplitter, lineNumber: number): RecordedLine | BadLine | null {
  if (splitter.isTooLong) return { lineNumber, reason: `is longer than ${LINE_BYTES_MAX} bytes` }
  const bytes = splitter.bytes.subarray(splitter.start, splitter.end)
  if (!isUtf8(bytes)) return { lineNumber, reason: 'is not UTF-8' }
  const text = bytes.toString('utf8').trim()
  if (text === '') return null
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    return { lineNumber, reason: `is not JSON: ${printable((error as Error).message, 120)}` }
  }
  if (typeof parsed !== 'object' || parsed === null || !('item' in parsed))
    return { lineNumber, reason: 'names no item' }
  return { lineNumber, text, atMs: recordedMs(parsed as { at?: unknown; time?: unknown }) }
}

function recordedMs(parsed: { at?: unknown; time?: unknown }): number | null {
  const ms = parsed.at ?? parsed.time
  return typeof ms === 'number' && Number.isFinite(ms) ? ms : null
}
