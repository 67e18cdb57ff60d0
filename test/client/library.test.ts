import test from 'ava'
import type {
  Client,
  ClientEvents,
  Item,
  MillraceError,
  Row,
  RowChange,
  Runtime,
  Subscription,
  SubscriptionHandlers,
  SubscriptionWish,
  TransportName,
  TransportStorage,
  Update,
} from '#src/client/index.ts'
import * as library from '#src/client/index.ts'
import { platformRuntime } from '#src/client/runtime.ts'
import { readSources } from '../support/sources.ts'

const sources = readSources('src/client')

test('[CL48] nothing is imported from outside the library, and all of it as browsers name files', t => {
  t.true(sources.length > 15)
  for (const { path, imports } of sources) {
    for (const { specifier, path: target } of imports) {
      t.regex(specifier, /^\.\/.*\.ts$/, `${path} imports ${specifier}`)
      t.true(target?.startsWith('src/client/'), `${path} imports ${specifier}`)
    }
  }
})

test('[CL48] it names nothing of its platform but what browsers and Node both have', t => {
  const own =
    /\b(Buffer|process|require|global|__dirname|window|document|setImmediate|EventSource|XMLHttpRequest)\b[.(]/
  for (const { path, code } of sources) t.notRegex(code, own, path)
})

/** True when the two types are the same one. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** What the compiler holds the public types to; a type that changes does not compile here. */
const SAME: readonly true[] = [
  true satisfies Same<ReturnType<typeof library.connect>, Client>,
  true satisfies Same<Parameters<typeof library.connect>[0], string | URL>,
  true satisfies Same<TransportName, 'websocket' | 'sse' | 'poll'>,
  true satisfies Same<keyof ClientEvents, 'state' | 'welcome' | 'recovered' | 'lost' | 'closing' | 'error'>,
  true satisfies Same<ClientEvents['error'], MillraceError>,
  true satisfies Same<ReturnType<Client['send']>, Promise<unknown>>,
  true satisfies Same<ReturnType<Client['subscribe']>, Subscription>,
  true satisfies Same<Parameters<Subscription['change']>, [wish: { readonly maxFrequency: number | null }]>,
  true satisfies Same<ReturnType<Subscription['unsubscribe']>, Promise<void>>,
  true satisfies Same<Item['fields'], Readonly<Record<string, string | null>>>,
  true satisfies Same<Parameters<NonNullable<SubscriptionHandlers['onItem']>>, [item: Item, update: Update]>,
  true satisfies Same<Parameters<NonNullable<SubscriptionHandlers['onBatch']>>, [updates: readonly Update[]]>,
  true satisfies Same<Item['rows'], ReadonlyMap<string, Row>>,
  true satisfies Same<ReturnType<Item['sortedRows']>, readonly Row[]>,
  true satisfies Same<Parameters<NonNullable<SubscriptionHandlers['onRow']>>, [table: Item, change: RowChange]>,
  true satisfies Same<RowChange['command'], 'ADD' | 'UPDATE' | 'DELETE'>,
  true satisfies Same<SubscriptionWish['mode'], 'merge' | 'distinct' | 'command' | 'raw' | undefined>,
]

test('[CL49] the public types are what they are said to be, and the platform fits them', t => {
  t.true(SAME.every(isSame => isSame))
  t.deepEqual(Object.keys(library).toSorted(), ['MillraceError', 'connect'])
  // These assignments are checked by the compiler.
  const runtime: Runtime = platformRuntime()
  const storage: TransportStorage = { getItem: () => null, setItem: () => {} }
  t.deepEqual([typeof runtime.fetch, storage.getItem('')], ['function', null])
})
