/**
 * Finds instruments in the names of items. A feed that has more than one sort of item of an instrument says which in one part
 * of the name, as the simulated market (`sim.book.EURUSD`) and recordings (`book.bitmex.XBTUSD`) do: what is left without
 * that part is the instrument. A name without such a part is an instrument by itself, and its quote.
 */

export type ItemKind = 'quote' | 'ticker' | 'trades' | 'book'

const KINDS: readonly string[] = ['quote', 'ticker', 'trades', 'book'] satisfies ItemKind[]

export interface ItemName {
  readonly kind: ItemKind
  /** The name without its kind. */
  readonly instrument: string
  /** What items of this kind begin with, up to and with the kind; null: the name tells no kind. */
  readonly family: string | null
}

/** The items of one instrument, as far as there are such. */
export interface Instrument {
  readonly name: string
  /** What a dealer calls it, and where it is traded; the latter may be empty. */
  readonly symbol: string
  readonly venue: string
  readonly items: { readonly [kind in ItemKind]?: string }
}

export function itemName(name: string): ItemName {
  const parts = name.split('.')
  const at = parts.findIndex((part, index) => KINDS.includes(part) && index < parts.length - 1)
  if (at < 0) return { kind: 'quote', instrument: name, family: null }
  return {
    kind: parts[at] as ItemKind,
    instrument: parts.toSpliced(at, 1).join('.'),
    family: `${parts.slice(0, at + 1).join('.')}.`,
  }
}

/** All instruments that items were seen of. */
export class Instruments {
  readonly #byName = new Map<string, Instrument>()

  get(name: string): Instrument | null {
    return this.#byName.get(name) ?? null
  }

  get size(): number {
    return this.#byName.size
  }

  all(): IterableIterator<Instrument> {
    return this.#byName.values()
  }

  /** The instrument of an item, with the item in it. */
  take(item: string): Instrument {
    const { kind, instrument: name } = itemName(item)
    const known = this.#byName.get(name)
    if (known?.items[kind] !== undefined) return known
    const dot = name.indexOf('.')
    const instrument: Instrument = {
      name,
      symbol: name.slice(dot + 1),
      venue: dot < 0 ? '' : name.slice(0, dot),
      items: { ...known?.items, [kind]: item },
    }
    this.#byName.set(name, instrument)
    return instrument
  }
}

/**
 * What to subscribe to so that the quotes of all these items come, and those of items that are yet to come where there is
 * room for them: the beginnings of their names, or, of more than `itemsMax`, the first names. Without what was left out:
 * `count` tells how many there are.
 */
export function quoteWishes(names: readonly string[], itemsMax: number): { items: string[][]; count: number } {
  const families = new Map<string, string[]>()
  const plain: string[] = []
  for (const name of names) {
    const { kind, family } = itemName(name)
    if (kind !== 'quote' && kind !== 'ticker') continue
    if (family === null) plain.push(name)
    else if (families.has(family)) families.get(family)!.push(name)
    else families.set(family, [name])
  }
  const items: string[][] = []
  let room = itemsMax
  let count = 0
  for (const [family, members] of [...families, ['', plain] as const]) {
    count += members.length
    if (members.length === 0 || room <= 0) continue
    items.push(family !== '' && members.length <= room ? [`${family}*`] : members.slice(0, room))
    room -= members.length
  }
  return { items, count }
}
