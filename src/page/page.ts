/**
 * The page at `/` with all that it consists of, read once: markup, style, its modules, the client library that they run on,
 * and the chart library. The browser may run what this server serves and nothing else, whatever names and values the page
 * shows; and it asks no other host for anything.
 *
 * Modules are served as they are, with only their types taken off, under /page and /client as they lie under src. What they
 * import by name from the root, or from the chart library, is named by its place relative to them, so that the page works
 * behind a proxy that serves it under a path of its own.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { posix } from 'node:path'
import { assert } from '#src/assert.ts'
import type { HeaderList } from '#src/codec/http-response.ts'

export const PAGE_TYPE = 'text/html; charset=utf-8'
const STYLE_TYPE = 'text/css; charset=utf-8'
const MODULE_TYPE = 'text/javascript; charset=utf-8'
/** Folders under src whose modules the browser gets. */
const FOLDERS = ['client', 'page/app']
const CHART_PACKAGE = 'lightweight-charts'
const CHART_PATH = '/page/library/lightweight-charts.js'
/** Of the package's builds the one for production that needs no other package. */
const CHART_BUILD = './lightweight-charts.standalone.production.mjs'
const PRELOADS = '<!-- preloads -->'

const SOURCE = new URL('../', import.meta.url)

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Also of modules: a worker has the policy that its own file came with. */
const HEADERS: HeaderList = [
  ['Cache-Control', 'no-cache'],
  ['Content-Security-Policy', POLICY],
  ['X-Content-Type-Options', 'nosniff'],
]
const PAGE_HEADERS: HeaderList = [...HEADERS, ['Referrer-Policy', 'no-referrer'], ['X-Frame-Options', 'DENY']]

export interface PageFile {
  readonly contentType: string
  readonly body: Buffer
  /** Beside the content type. */
  readonly headers: HeaderList
}

/** Reads all files by path; once, at start. */
export function loadPages(): ReadonlyMap<string, PageFile> {
  const pages = new Map<string, PageFile>()
  const add = (path: string, contentType: string, body: Buffer, headers = HEADERS): void => {
    pages.set(path, { contentType, body, headers })
  }
  for (const name of FOLDERS.flatMap(modulesIn)) {
    const path = `/${name}`
    add(
      path,
      MODULE_TYPE,
      Buffer.from(withBrowserPaths(path, withoutTypes(readFileSync(new URL(name, SOURCE), 'utf8')))),
    )
  }
  const html = readFileSync(new URL('./index.html', import.meta.url), 'utf8')
  add('/', PAGE_TYPE, Buffer.from(withPreloads(html, [...pages.keys()])), PAGE_HEADERS)
  add('/page/style.css', STYLE_TYPE, readFileSync(new URL('./style.css', import.meta.url)))
  add(CHART_PATH, MODULE_TYPE, readFileSync(new URL(CHART_BUILD, import.meta.resolve(CHART_PACKAGE))))
  return pages
}

/** Names from src, as `client/index.ts`. */
function modulesIn(folder: string): string[] {
  return readdirSync(new URL(folder, SOURCE), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .map(name => `${folder}/${name.replaceAll('\\', '/')}`)
    .sort()
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

/** Imports by name from the root, and of the chart library, as a browser can follow them from `path`. */
function withBrowserPaths(path: string, code: string): string {
  return code.replaceAll(/^(.*?\bfrom )'([^'.][^']*)'/gm, (_, before: string, specifier: string) => {
    const isOwn = specifier.startsWith('#src/')
    assert(isOwn || specifier === CHART_PACKAGE, `${path} imports what a browser cannot have: ${specifier}`)
    const target = isOwn ? specifier.slice('#src'.length) : CHART_PATH
    const relative = posix.relative(posix.dirname(path), target)
    return `${before}'${relative.startsWith('.') ? relative : `./${relative}`}'`
  })
}

/** The browser learns at once which modules it needs, and not one layer of imports after the other. */
function withPreloads(html: string, modules: readonly string[]): string {
  assert(html.includes(PRELOADS), 'the page says where its preloads stand')
  const links = [...modules, CHART_PATH].filter(path => !path.endsWith('theme-first.ts'))
  return html.replace(PRELOADS, links.map(path => `<link rel="modulepreload" href="${path.slice(1)}">`).join('\n'))
}
