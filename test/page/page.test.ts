import { createHash } from 'node:crypto'
import test from 'ava'
import { plainAnswer } from '#src/codec/http-response.ts'
import { loadPages, PAGE_TYPE } from '#src/page/page.ts'

const pages = loadPages()
const page = pages.get('/')!
const html = page.body.toString()

function between(start: string, end: string): string {
  const at = html.indexOf(start) + start.length
  return html.slice(at, html.indexOf(end, at))
}

test('[H30] the policy names the one style and the one script of the page by their hashes', t => {
  const policy = new Map(page.headers).get('Content-Security-Policy') ?? ''
  for (const [tag, start, before] of [
    ['style', '<style>', ''],
    ['script', '<script type="module">', "'self' "],
  ] as const) {
    const hash = createHash('sha256')
      .update(between(start, `</${tag}>`))
      .digest('base64')
    t.true(policy.includes(`${tag}-src ${before}'sha256-${hash}'`), tag)
    t.is(html.split(`<${tag}`).length, 2, `one ${tag}`)
  }
  t.true(policy.startsWith("default-src 'self'; "))
  t.false(policy.includes('unsafe'))
})

test('[H30] the page needs nothing that its policy forbids', t => {
  const script = between('<script type="module">', '</script>')
  const markup = html.replace(script, '')
  t.notRegex(markup, /\son[a-z]+=/, 'no handlers in attributes')
  t.notRegex(markup, /\sstyle=/, 'no styles in attributes')
  t.notRegex(markup.replaceAll("xmlns='http://www.w3.org/2000/svg'", ''), /https?:\/\//, 'nothing from elsewhere')
  t.notRegex(script, /innerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function/, 'names and values stay text')
})

test('[H30] the page goes out as an answer', t => {
  const frame = { isHead: false, isHttp10: false, keepsAlive: true, corsOrigin: '' }
  const answer = plainAnswer({ status: 200, contentType: PAGE_TYPE, body: page.body, headers: page.headers }, frame)
  t.true(answer.subarray(-page.body.length).equals(page.body))
  const head = answer.subarray(0, -page.body.length).toString('latin1')
  t.true(head.includes('\r\nCache-Control: no-cache\r\n'))
  t.false(head.includes('no-store'))
})

test('[H31] each module of the client library is served, as JavaScript, under the path that others import it by', t => {
  const modules = [...pages].filter(([path]) => path.startsWith('/client/'))
  t.true(modules.length > 20)
  for (const [path, { contentType, body }] of modules) {
    t.is(contentType, 'text/javascript; charset=utf-8')
    for (const [, target] of body.toString().matchAll(/(?:from|import) '([^']+)'/g)) {
      t.true(pages.has(new URL(target!, `http://localhost${path}`).pathname), `${path} imports ${target}`)
    }
  }
  t.true(html.includes("from '/client/index.ts'"))
})
