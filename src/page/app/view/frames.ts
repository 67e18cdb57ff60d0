/**
 * Paints once a frame, however much comes in between, and not at all while nobody looks: a browser gives a hidden page no
 * frames. What is to be painted lies in the models, so nothing is lost by waiting.
 */

export class Frames {
  readonly #due = new Set<() => void>()
  #isAsked = false

  /** Runs `paint` at the next frame, once. */
  request(paint: () => void): void {
    this.#due.add(paint)
    if (this.#isAsked) return
    this.#isAsked = true
    requestAnimationFrame(() => {
      this.#isAsked = false
      const due = [...this.#due]
      this.#due.clear()
      for (const one of due) one()
    })
  }
}
