/** Samples of the server's resident memory over a run: medians of its halves, and a plot in text. */

const COLUMNS = 72
const ROWS = 8
const LABEL_LENGTH = 10
const TENTHS = 10
const BLOCK = '█'

export class Samples {
  readonly #bytes: number[] = []
  #warmUp = 0

  /** `isWarm` is false for the samples of the warm-up, which are left out of the halves. */
  add(bytes: number, isWarm: boolean): void {
    this.#bytes.push(bytes)
    if (!isWarm) this.#warmUp = this.#bytes.length
  }

  halves(): { firstMedian: number; secondMedian: number; excluded: number } {
    const kept = this.#bytes.slice(this.#warmUp)
    const middle = Math.ceil(kept.length / 2)
    return {
      firstMedian: median(kept.slice(0, middle)),
      secondMedian: median(kept.slice(middle)),
      excluded: this.#warmUp,
    }
  }

  /** Each column is the median of its part of the run, from the lowest to the highest; `|` ends the warm-up. */
  plot(): string {
    const all = this.#bytes
    const columns = Math.max(1, Math.min(COLUMNS, all.length))
    const medians = this.#medians(columns)
    const tenths = this.#medians(TENTHS).map(bytes => (bytes / 1e6).toFixed(1))
    const [low, high] = [Math.min(...medians), Math.max(...medians)]
    const rows: string[] = []
    for (let row = ROWS; row > 0; row--) {
      const level = low + ((high - low) * (row - 1)) / (ROWS - 1)
      const label = `${(level / 1e6).toFixed(1)} MB`.padStart(9)
      rows.push(`${label} ${medians.map(bytes => (bytes >= level ? BLOCK : ' ')).join('')}`)
    }
    const mark = Math.floor((this.#warmUp / Math.max(1, all.length)) * columns)
    return [
      `resident memory of the server, ${all.length} samples; medians of its tenths ${tenths.join(', ')} MB`,
      ...rows,
      `${' '.repeat(LABEL_LENGTH + mark)}| warm-up ends`,
    ].join('\n')
  }

  #medians(parts: number): number[] {
    const all = this.#bytes
    const bound = (part: number) => Math.floor((part * all.length) / parts)
    return Array.from({ length: parts }, (_, part) => median(all.slice(bound(part), bound(part + 1))))
  }
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}
