import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { ROOT } from '../support/sources.ts'

const style = readFileSync(join(ROOT, 'src/page/style.css'), 'utf8')
/** By name: in the light theme, in the dark one. */
const tokens = new Map(
  [...style.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);/g)].map(([, name, light, dark]) => [
    name!,
    [light!, dark!] as const,
  ]),
)

/** As WCAG 2 has it. */
function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map(at => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
}

function contrast(one: string, other: string): number {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (light! + 0.05) / (dark! + 0.05)
}

test('[PG25] each text keeps a contrast of 4.5 to 1 on each ground, in both themes', t => {
  t.is(contrast('#000000', '#ffffff'), 21)
  for (const [theme, index] of [
    ['light', 0],
    ['dark', 1],
  ] as const) {
    for (const text of ['text', 'dim', 'up', 'down', 'accent', 'warn']) {
      for (const ground of ['panel', 'raised']) {
        const ratio = contrast(tokens.get(text)![index], tokens.get(ground)![index])
        t.true(ratio >= 4.5, `${text} on ${ground}, ${theme}: ${ratio.toFixed(2)}`)
      }
    }
    t.true(contrast(tokens.get('on-accent')![index], tokens.get('accent')![index]) >= 4.5, theme)
  }
})

test('[PG25] no colour stands outside the tokens, so that both themes have it', t => {
  const rules = style.slice(style.indexOf('[data-theme="light"]'))
  t.notRegex(rules, /#[0-9a-f]{3,8}\b(?![^{]*\{)|rgb\(/i)
})
