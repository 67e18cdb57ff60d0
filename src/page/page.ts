/**
 * The page at `/`, read once, with the headers that it is sent with. Its one style and its one script are named to the
 * browser by their hashes, so that nothing else can run in it, whatever the names and values it shows.
 */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { assert } from '#src/assert.ts'
import type { HeaderList } from '#src/codec/http-response.ts'

export const PAGE_TYPE = 'text/html; charset=utf-8'

export interface Page {
  readonly body: Buffer
  /** Beside the content type. */
  readonly headers: HeaderList
}

/** Reads the page; once, at start. */
export function loadPage(): Page {
  const body = readFileSync(new URL('./index.html', import.meta.url))
  const html = body.toString('utf8')
  return { body, headers: headersOf(hashOf(html, 'style'), hashOf(html, 'script')) }
}

/** The source expression of the only element with this tag: the hash of what stands between its tags. */
function hashOf(html: string, tag: string): string {
  const parts = html.split(new RegExp(`<${tag}[^>]*>|</${tag}>`))
  assert(parts.length === 3, 'the page has one style and one script')
  assert(html.includes(`<${tag}>${parts[1]!}</${tag}>`), 'style and script stand in the page, without attributes')
  return `'sha256-${createHash('sha256').update(parts[1]!).digest('base64')}'`
}

function headersOf(style: string, script: string): HeaderList {
  const policy = [
    "default-src 'self'",
    `script-src ${script}`,
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
