/** What a stream's first request asks for, with what a test does not care for left out. */

import type { BindRequest, SubscriptionRequest } from '#src/domain/session-request.ts'
import type { BindText } from '#stages/conflate/session-keeper.ts'

export type SubscriptionWish = Partial<SubscriptionRequest>
/** A subscription of id 0 beside what concerns the session. */
export type StreamWish = SubscriptionWish & Partial<Omit<BindRequest, 'opening'>>

export function subscriptionOf(wish: SubscriptionWish): SubscriptionRequest {
  return {
    id: wish.id ?? 0,
    items: wish.items ?? [],
    prefixes: wish.prefixes ?? [],
    fields: wish.fields ?? null,
    mode: wish.mode ?? 'merge',
    filter: wish.filter ?? null,
    window: wish.window ?? null,
    maxFrequency: wish.maxFrequency ?? 0,
    hasSnapshot: wish.hasSnapshot ?? true,
    historyMax: wish.historyMax ?? null,
    bufferSize: wish.bufferSize ?? 0,
    onLost: wish.onLost ?? 'snapshot',
  }
}

export function bindOf(wish: StreamWish): BindRequest {
  const isSubscribing = wish.items !== undefined || wish.prefixes !== undefined
  return {
    transport: wish.transport ?? 'ndjson',
    encoding: wish.encoding ?? 'json',
    resume: wish.resume ?? null,
    mayOpen: wish.mayOpen ?? wish.items !== undefined,
    opening: isSubscribing ? subscriptionOf(wish) : null,
    maxDelayMs: wish.maxDelayMs ?? 0,
    maxBandwidth: wish.maxBandwidth ?? 0,
    requests: wish.requests ?? [],
    waitMs: wish.waitMs ?? 25_000,
  }
}

/** As long as all ids of sessions are. */
export function sessionIdOf(slot: number, generation: number): string {
  return `s${slot}.${generation}`.padEnd(22, '-')
}

export function bindText(slot: number, generation: number, wish: StreamWish): BindText {
  return { id: sessionIdOf(slot, generation), address: '', bind: bindOf(wish) }
}

/** Whether a record is about an item or the stream's end, and not one of the session's own. */
export function isOwn(line: string): boolean {
  return /^(?:data: )?\{"(?:session|position|subscribed|unsubscribed|answer|changed|paused|resumed|limits|outcome)"/.test(
    line,
  )
}

/** A flush without the session's own records and its position; '' when nothing else was in it. */
export function withoutOwn(text: string): string {
  const separator = text.includes('data: ') ? '\n\n' : '\n'
  const kept = text
    .split(separator)
    .map(record => record.replace(/^id: .*\n/, ''))
    .filter(record => record !== '' && !isOwn(record))
  return kept.map(record => record + separator).join('')
}
