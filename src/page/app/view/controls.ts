/** The controls of the bar: rate, transport, theme. They show what is so for all tabs, not what was clicked. */

import { type ConnectionView, TRANSPORT_CHOICES, type TransportChoice } from '#src/page/app/link/messages.ts'
import { RATE_STEP_MAX, rateOfStep, rateText, stepOfRate } from '#src/page/app/market/rate-scale.ts'
import type { Platform } from '#src/page/app/platform.ts'
import { choice, element, setText } from './dom.ts'

export interface ControlEvents {
  readonly onRate: (rate: number | null) => void
  readonly onTransport: (choice: TransportChoice) => void
  readonly onTheme: () => void
}

const THEME_KEY = 'millrace.theme'
/** While a finger moves the slider the server is not asked at each step. */
const RATE_PAUSE_MS = 150
/** And what the connection says in between is not shown. */
const RATE_HOLD_MS = 1_500

export class Controls {
  readonly #platform: Platform
  readonly #events: ControlEvents
  readonly #slider = element<HTMLInputElement>('rate')
  readonly #showTransport: (value: string) => void
  #stopPause: () => void = () => {}
  #heldUntilMs = 0

  constructor(platform: Platform, events: ControlEvents) {
    this.#platform = platform
    this.#events = events
    this.#slider.max = String(RATE_STEP_MAX)
    this.#slider.addEventListener('input', () => this.#onSlide())
    this.#showTransport = choice(element('transports'), value => {
      const name = TRANSPORT_CHOICES.find(one => one === value)
      if (name !== undefined) events.onTransport(name)
    })
    this.#theme()
    this.#showRate(null)
  }

  show({ rate, choice: transport }: ConnectionView): void {
    this.#showTransport(transport)
    if (this.#platform.nowMs() >= this.#heldUntilMs) this.#showRate(rate)
  }

  #onSlide(): void {
    const rate = rateOfStep(Number(this.#slider.value))
    this.#heldUntilMs = this.#platform.nowMs() + RATE_HOLD_MS
    this.#showRate(rate)
    this.#stopPause()
    this.#stopPause = this.#platform.after(RATE_PAUSE_MS, () => this.#events.onRate(rate))
  }

  #showRate(rate: number | null): void {
    const step = String(stepOfRate(rate))
    if (this.#slider.value !== step) this.#slider.value = step
    const text = rateText(rate)
    setText(element('rateText'), text)
    this.#slider.setAttribute('aria-valuetext', `${text} updates of each item`)
  }

  #theme(): void {
    const { dataset } = document.documentElement
    const show = choice(element('themes'), theme => {
      if (theme === 'auto') delete dataset.theme
      else dataset.theme = theme
      try {
        localStorage.setItem(THEME_KEY, theme)
      } catch {
        // It holds until the page is left.
      }
      this.#events.onTheme()
    })
    show(dataset.theme ?? 'auto')
    matchMedia('(prefers-color-scheme: light)').addEventListener('change', () => this.#events.onTheme())
  }
}
