import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { plainAnswer } from '#src/codec/http-response.ts'
import { loadPages, PAGE_TYPE } from '#src/page/page.ts'
import { ROOT, readSources } from '../support/sources.ts'

const CHART_PATH = '/page/library/lightweight-charts.js'

const pages = loadPages()
const page = pages.get('/')!
const html = page.body.toString()
const modules = [...pages].filter(([path]) => path.endsWith('.ts'))

function policyOf(path: string): Map<string, string> {
  const policy = new Map(pages.get(path)!.headers).get('Content-Security-Policy') ?? ''
  return new Map(
    policy.split('; ').map((directive): [string, string] => {
      const [name, ...sources] = directive.split(' ')
      return [name!, sources.join(' ')]
    }),
  )
}

test('[H30] the policy lets files of this server run, and nothing else', t => {
  const policy = policyOf('/')
  t.is(policy.get('default-src'), "'none'")
  for (const directive of ['script-src', 'worker-src', 'style-src', 'connect-src'])
    t.is(policy.get(directive), "'self'")
  t.is(policy.get('img-src'), "'self' data:")
  for (const sources of policy.values()) t.notRegex(sources, /unsafe|https?:|\*/)
  // A worker has the policy of its own file.
  for (const [path] of modules) t.deepEqual(policyOf(path), policy, path)
})

test('[H30] the page needs nothing that its policy forbids', t => {
  t.notRegex(html, /\son[a-z]+=/, 'no handlers in attributes')
  t.notRegex(html, /\sstyle=|<style/, 'no styles but in the file')
  t.notRegex(html, /<script(?![^>]* src=)/, 'no script but in files')
  for (const [, address] of html.matchAll(/(?:href|src)="([^"]*)"/g))
    t.regex(address!, /^(page\/|client\/|#|data:|https:\/\/www\.tradingview\.com\/$)/, address!)
  for (const { path, code } of readSources('src/page/app')) {
    t.notRegex(code, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function/, path)
    t.notRegex(code, /setAttribute\('style'|https?:\/\//, path)
  }
})

test('[H30] the chart library is named with its owner and a link, as its licence asks', t => {
  const licence = readFileSync(join(ROOT, 'node_modules/lightweight-charts/README.md'), 'utf8')
  t.true(licence.includes('a link to <https://www.tradingview.com/>'))
  t.regex(
    html,
    /TradingView Lightweight Charts™, Copyright © 2026 TradingView, Inc\. <a href="https:\/\/www\.tradingview\.com\/"/,
  )
  t.true(pages.get(CHART_PATH)!.body.toString().includes('Copyright (c) 2026 TradingView, Inc.'))
})

test('[H30] the page goes out as an answer', t => {
  const frame = { isHead: false, isHttp10: false, keepsAlive: true, corsOrigin: '' }
  const answer = plainAnswer({ status: 200, contentType: PAGE_TYPE, body: page.body, headers: page.headers }, frame)
  t.true(answer.subarray(-page.body.length).equals(page.body))
  const head = answer.subarray(0, -page.body.length).toString('latin1')
  t.true(head.includes('\r\nCache-Control: no-cache\r\n'))
  t.false(head.includes('no-store'))
})

test('[H31] each module is served, as JavaScript without types, under the path that others import it by', t => {
  t.true(modules.length > 50)
  for (const [path, { contentType, body }] of modules) {
    t.is(contentType, 'text/javascript; charset=utf-8')
    t.true(existsSync(join(ROOT, 'src', path)), path)
    const code = body.toString()
    t.notRegex(code, /^(import|export) type|^export interface/m, path)
    for (const [, target] of code.matchAll(/(?:from |import )'([^']+)'/g)) {
      t.regex(target!, /^\.\.?\//, `${path} imports ${target}`)
      t.true(pages.has(new URL(target!, `http://localhost${path}`).pathname), `${path} imports ${target}`)
    }
    for (const [, target] of code.matchAll(/new URL\('(\.[^']+\.ts)', import\.meta\.url/g))
      t.true(pages.has(new URL(target!, `http://localhost${path}`).pathname), `${path} names ${target}`)
  }
})

test('[H31] whatever the markup names is served, and all modules are preloaded', t => {
  const named = [...html.matchAll(/(?:href|src)="((?:page|client)\/[^"]*)"/g)].map(([, path]) => `/${path}`)
  for (const path of named) t.true(pages.has(path), path)
  for (const [path] of modules) t.true(named.includes(path), path)
  t.true(named.includes(CHART_PATH))
  t.is(pages.get('/page/style.css')!.contentType, 'text/css; charset=utf-8')
})
