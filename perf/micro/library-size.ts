/**
 * How large the client library is: what a browser loads of it, file by file with its types taken off, and the same in one
 * piece without comments, plain and compressed.
 *
 *   node perf/micro/library-size.ts
 */

import { readdirSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { gzipSync } from 'node:zlib'

const FOLDER = new URL('../../src/client/', import.meta.url)

export interface LibrarySize {
  readonly files: number
  /** In bytes; `code` is without comments and indentation. */
  readonly source: number
  readonly stripped: number
  readonly code: number
  readonly codeGzipped: number
}

export function librarySize(): LibrarySize {
  const names = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'))
  const sources = names.toSorted().map(name => readFileSync(new URL(name, FOLDER), 'utf8'))
  const stripped = sources.map(source => stripTypeScriptTypes(source))
  const code = stripped.map(withoutComments).join('\n')
  const sum = (texts: readonly string[]): number => texts.reduce((total, text) => total + Buffer.byteLength(text), 0)
  return {
    files: names.length,
    source: sum(sources),
    stripped: sum(stripped),
    code: Buffer.byteLength(code),
    codeGzipped: gzipSync(code).length,
  }
}

/** Comments of the library stand on lines of their own; what types left behind is white space. */
function withoutComments(text: string): string {
  return text
    .replace(/^\s*\/\*\*[\s\S]*?\*\/\s*$/gm, '')
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('//'))
    .join('\n')
}

if (import.meta.main) {
  const { files, source, stripped, code, codeGzipped } = librarySize()
  const kilobytes = (bytes: number): string => `${(bytes / 1_000).toFixed(1)} kB`
  console.log(`${files} files, ${kilobytes(source)} of TypeScript, ${kilobytes(stripped)} with types taken off`)
  console.log(`without comments ${kilobytes(code)}, gzipped ${kilobytes(codeGzipped)}`)
}
