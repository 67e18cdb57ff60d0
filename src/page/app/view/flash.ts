/**
 * Cells that light up when their value moves. A cell that moves again keeps its light a little longer, and does not blink:
 * at many updates a second the screen stays calm. Who asks for less motion gets none (and style.css shows none).
 */

import type { Platform } from '#src/page/app/platform.ts'

const FLASH_MS = 150
const SWEEP_MS = 60

export class Flashes {
  readonly #platform: Platform
  readonly #calm = matchMedia('(prefers-reduced-motion: reduce)')
  readonly #ends = new Map<HTMLElement, number>()
  #isSweeping = false

  constructor(platform: Platform) {
    this.#platform = platform
  }

  flash(cell: HTMLElement, isUp: boolean): void {
    if (this.#calm.matches) return
    const move = isUp ? 'up' : 'down'
    if (cell.dataset.move !== move) cell.dataset.move = move
    this.#ends.set(cell, this.#platform.nowMs() + FLASH_MS)
    this.#sweepLater()
  }

  /** The cell shows something else now. */
  stop(cell: HTMLElement): void {
    if (this.#ends.delete(cell)) delete cell.dataset.move
  }

  #sweepLater(): void {
    if (this.#isSweeping) return
    this.#isSweeping = true
    this.#platform.after(SWEEP_MS, () => {
      this.#isSweeping = false
      const nowMs = this.#platform.nowMs()
      for (const [cell, endMs] of this.#ends) if (endMs <= nowMs) this.stop(cell)
      if (this.#ends.size > 0) this.#sweepLater()
    })
  }
}
