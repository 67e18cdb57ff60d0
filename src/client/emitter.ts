/** Typed events, each with one argument. Listeners run at once, in the order in which they came. */

export type Listener<Event> = (event: Event) => void

export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, readonly Listener<never>[]>()
  readonly #guard: (call: () => void) => void

  /** `guard` runs a listener, and bears what it throws. */
  constructor(guard: (call: () => void) => void) {
    this.#guard = guard
  }

  /** The function that comes back takes the listener off again. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    // One of its own for each call: the same function may listen twice, and be taken off once.
    const own: Listener<Events[Name]> = event => listener(event)
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), own])
    return () => {
      this.#listeners.set(
        name,
        (this.#listeners.get(name) ?? []).filter(one => one !== own),
      )
    }
  }

  hasListener(name: keyof Events): boolean {
    return (this.#listeners.get(name) ?? []).length > 0
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    const listeners = (this.#listeners.get(name) ?? []) as readonly Listener<Events[Name]>[]
    for (const listener of listeners) this.#guard(() => listener(event))
  }
}
