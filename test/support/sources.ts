/**
 * The project's TypeScript files as text: what each imports, without comments, and by whom it is reached. For tests that
 * hold the code to rules; a parser is not needed, as the formatter leaves only one way to write an import.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export interface Source {
  /** From the project's root, with `/`. */
  readonly path: string
  readonly text: string
  /** The text without comments. */
  readonly code: string
  readonly imports: readonly Import[]
}

export interface Import {
  /** As it is written. */
  readonly specifier: string
  readonly isType: boolean
  /** The file that it names, from the project's root; null for packages and node's modules. */
  readonly path: string | null
}

/** All `.ts` files below the folders, in order. */
export function readSources(...folders: string[]): Source[] {
  return folders.flatMap(folder =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts') && !name.includes('node_modules'))
      .map(name => sourceOf(`${folder}/${name.split(sep).join('/')}`))
      .sort((a, b) => (a.path < b.path ? -1 : 1)),
  )
}

function sourceOf(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const code = withoutComments(text)
  return { path, text, code, imports: importsOf(path, code) }
}

/** Comments begin a line, or stand behind a blank; `//` in an address does neither. */
export function withoutComments(text: string): string {
  return text.replace(/(^|\s)\/\*[\s\S]*?\*\//g, '$1').replace(/(^|\s)\/\/.*$/gm, '$1')
}

const STATIC_IMPORT = /^(import|export)\s+(type\s)?(?:[\w*{][^'"`]*?\sfrom\s+)?'([^']+)'/gm
const DYNAMIC_IMPORT = /\bimport\(\s*['"`]([^'"`]+)['"`]/g
/** The way that a thread or a child process names its file. */
const URL_IMPORT = /new URL\(\s*'(\.[^']+\.ts)',\s*import\.meta\.url/g

/** `export const x = 'y'` names no module: an export counts only with its `from`. */
export function importsOf(path: string, code: string): Import[] {
  const imports: Import[] = []
  for (const [statement, keyword, type, specifier] of code.matchAll(STATIC_IMPORT)) {
    if (keyword === 'export' && !/\sfrom\s/.test(statement)) continue
    imports.push({ specifier: specifier!, isType: type !== undefined, path: pathOf(path, specifier!) })
  }
  for (const [, specifier] of [...code.matchAll(DYNAMIC_IMPORT), ...code.matchAll(URL_IMPORT)]) {
    imports.push({ specifier: specifier!, isType: false, path: pathOf(path, specifier!) })
  }
  return imports
}

function pathOf(from: string, specifier: string): string | null {
  if (specifier.startsWith('#')) return specifier.slice(1)
  if (specifier.startsWith('.'))
    return normalize(join(dirname(from), specifier))
      .split(sep)
      .join('/')
  return null
}

/** Every file that can be reached from the entries over imports. */
export function reachable(sources: readonly Source[], entries: readonly string[]): Set<string> {
  const byPath = new Map(sources.map(source => [source.path, source]))
  const found = new Set<string>()
  const open = [...entries]
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (found.has(path)) continue
    found.add(path)
    for (const one of byPath.get(path)?.imports ?? []) if (one.path !== null) open.push(one.path)
  }
  return found
}

/** True when `text` is matched by the glob: `**` is anything, `*` anything but a slash. */
export function matchesGlob(glob: string, text: string): boolean {
  const pattern = glob
    .split(/(\*\*|\*)/)
    .map(part => (part === '**' ? '.*' : part === '*' ? '[^/]*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')))
    .join('')
  return new RegExp(`^${pattern}$`).test(text)
}
