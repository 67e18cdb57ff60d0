/**
 * The price chart, drawn by lightweight-charts: candles and volume from trades, or, of an instrument without trades, a line of
 * the prices that the page has seen.
 *
 * The library's logo would bring a style element of its own, which the page's policy forbids; so it is off, and the
 * attribution that its licence asks for stands below the chart (index.html).
 */

import {
  CandlestickSeries,
  createChart,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  LineSeries,
  type UTCTimestamp,
} from 'lightweight-charts'
import type { Candle } from '#src/page/app/market/candles.ts'
import { timeText } from '#src/page/app/market/numbers.ts'
import type { PricePoint } from '#src/page/app/market/price-history.ts'
import { make } from './dom.ts'

const VOLUME_PART = 0.82

export class Chart {
  readonly #chart: IChartApi
  readonly #candles: ISeriesApi<'Candlestick'>
  readonly #volume: ISeriesApi<'Histogram'>
  readonly #line: ISeriesApi<'Line'>
  readonly #probe = make('i')
  #washes = { up: '', down: '' }

  constructor(container: HTMLElement) {
    this.#probe.hidden = true
    container.before(this.#probe)
    this.#chart = createChart(container, {
      autoSize: true,
      layout: { attributionLogo: false, fontSize: 11 },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.08, bottom: 0.2 } },
      timeScale: {
        ...{ borderVisible: false, timeVisible: true, secondsVisible: true, rightOffset: 3, barSpacing: 8 },
        tickMarkFormatter: (time: UTCTimestamp) => timeText(time * 1_000),
      },
      localization: { timeFormatter: (time: UTCTimestamp) => timeText(time * 1_000) },
      handleScale: { axisPressedMouseMove: false },
    })
    this.#candles = this.#chart.addSeries(CandlestickSeries, { borderVisible: false })
    this.#volume = this.#chart.addSeries(HistogramSeries, {
      ...{ priceScaleId: 'volume', lastValueVisible: false, priceLineVisible: false, priceFormat: { type: 'volume' } },
    })
    this.#volume.priceScale().applyOptions({ scaleMargins: { top: VOLUME_PART, bottom: 0 } })
    this.#line = this.#chart.addSeries(LineSeries, { lineWidth: 2 })
    this.colours()
  }

  /** Takes the colours of the page, which has changed its theme. */
  colours(): void {
    const [up, down, dim, line, accent] = ['up', 'down', 'dim', 'line', 'accent'].map(name => this.#colour(name))
    this.#washes = { up: this.#colour('up-wash'), down: this.#colour('down-wash') }
    this.#chart.applyOptions({
      layout: {
        background: { color: this.#colour('panel') },
        textColor: dim!,
        fontFamily: getComputedStyle(document.body).fontFamily,
      },
      grid: { vertLines: { color: line! }, horzLines: { color: line! } },
    })
    this.#candles.applyOptions({ upColor: up!, downColor: down!, wickUpColor: up!, wickDownColor: down! })
    this.#line.applyOptions({ color: accent! })
  }

  /** How many digits behind the point prices have. */
  precision(decimals: number): void {
    const priceFormat = { type: 'price' as const, precision: decimals, minMove: 10 ** -decimals }
    this.#candles.applyOptions({ priceFormat })
    this.#line.applyOptions({ priceFormat })
  }

  /** Draws these and nothing else. */
  candles(candles: readonly Candle[]): void {
    this.#line.setData([])
    this.#candles.setData(candles.map(candle => ({ ...candle, time: candle.time as UTCTimestamp })))
    this.#volume.setData(candles.map(candle => this.#volumeOf(candle)))
  }

  /** The last candle has changed, or is a new one. */
  candle(candle: Candle): void {
    this.#candles.update({ ...candle, time: candle.time as UTCTimestamp })
    this.#volume.update(this.#volumeOf(candle))
  }

  line(points: readonly PricePoint[]): void {
    this.#candles.setData([])
    this.#volume.setData([])
    this.#line.setData(points.map(({ time, price }) => ({ time: time as UTCTimestamp, value: price })))
  }

  point({ time, price }: PricePoint): void {
    this.#line.update({ time: time as UTCTimestamp, value: price })
  }

  /** Shows the newest again, wherever it was scrolled to. */
  follow(): void {
    this.#chart.timeScale().scrollToRealTime()
  }

  #volumeOf({ time, open, close, volume }: Candle): { time: UTCTimestamp; value: number; color: string } {
    return { time: time as UTCTimestamp, value: volume, color: close >= open ? this.#washes.up : this.#washes.down }
  }

  /** The library parses colours itself, and knows no variables: the browser says what one comes to. */
  #colour(name: string): string {
    this.#probe.style.color = `var(--${name})`
    return getComputedStyle(this.#probe).color
  }
}
