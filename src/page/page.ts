/**
 * The page at `/` and the client library that it runs on, read once. The page's one style and its one script are named to
 * the browser by their hashes; beside them only modules of this server run, whatever the names and values the page shows.
 *
 * The library's modules are served as they are, with only their types taken off, under the paths by which they import each
 * other.
 */

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { assert } from '#src/assert.ts'
import type { HeaderList } from '#src/codec/http-response.ts'

export const PAGE_TYPE = 'text/html; charset=utf-8'
const MODULE_TYPE = 'text/javascript; charset=utf-8'
const CLIENT_PATH = '/client/'

export interface PageFile {
  readonly contentType: string
  readonly body: Buffer
  /** Beside the content type. */
  readonly headers: HeaderList
}

/** Reads the page and its modules, by path; once, at start. */
export function loadPages(): ReadonlyMap<string, PageFile> {
  const body = readFileSync(new URL('./index.html', import.meta.url))
  const html = body.toString('utf8')
  const headers = headersOf(hashOf(html, 'style', ''), hashOf(html, 'script', ' type="module"'))
  const pages = new Map<string, PageFile>([['/', { contentType: PAGE_TYPE, body, headers }]])
  const folder = new URL('../client/', import.meta.url)
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue
    const code = withoutTypes(readFileSync(new URL(name, folder), 'utf8'))
    pages.set(`${CLIENT_PATH}${name}`, {
      contentType: MODULE_TYPE,
      body: Buffer.from(code),
      headers: [['Cache-Control', 'no-cache']],
    })
  }
  return pages
}

/** Node takes the types off as it does when it runs the file; that it calls its function experimental is nobody's matter. */
function withoutTypes(code: string): string {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(code)
  } finally {
    process.emitWarning = emitWarning
  }
}

/** The source expression of the only element with this tag: the hash of what stands between its tags. */
function hashOf(html: string, tag: string, attributes: string): string {
  const parts = html.split(new RegExp(`<${tag}[^>]*>|</${tag}>`))
  assert(parts.length === 3, 'the page has one style and one script')
  assert(html.includes(`<${tag}${attributes}>${parts[1]!}</${tag}>`), 'style and script stand in the page')
  return `'sha256-${createHash('sha256').update(parts[1]!).digest('base64')}'`
}

function headersOf(style: string, script: string): HeaderList {
  const policy = [
    "default-src 'self'",
    `script-src 'self' ${script}`,
    `style-src ${style}`,
    "img-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]
  return [
    ['Cache-Control', 'no-cache'],
    ['Content-Security-Policy', policy.join('; ')],
    ['Referrer-Policy', 'no-referrer'],
    ['X-Frame-Options', 'DENY'],
  ]
}
