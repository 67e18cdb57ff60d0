/** Reads the text that Prometheus scrapes. */

export interface MetricSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (\S+)/
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g
const ESCAPES: Readonly<Record<string, string>> = { n: '\n' }

export function parseExposition(text: string): MetricSample[] {
  const samples: MetricSample[] = []
  for (const line of text.split('\n')) {
    const found = SAMPLE.exec(line)
    if (found === null) continue
    const labels: Record<string, string> = {}
    for (const [, name, value] of (found[2] ?? '').matchAll(LABEL)) {
      labels[name!] = value!.replace(/\\(.)/g, (_, escaped: string) => ESCAPES[escaped] ?? escaped)
    }
    samples.push({ name: found[1]!, labels, value: numberOf(found[3]!) })
  }
  return samples
}

function numberOf(text: string): number {
  return Number(text.replace('Inf', 'Infinity'))
}

/** The sum of all samples of a name. */
export function sumOf(samples: readonly MetricSample[], name: string): number {
  let sum = 0
  for (const sample of samples) if (sample.name === name) sum += sample.value
  return sum
}
