/** What the convergence run claims of updates that each count: the accounts of those who read distinct, and sums over them. */

import type { Outcome } from './claims.ts'
import { textOf } from './sums.ts'
import { UpdatesJudge } from './updates-judge.ts'

interface AccountClaim {
  readonly name: string
  readonly isHeld: boolean
  readonly figures: string
}

export function accountClaims({ clients, recorded, feed: { loops } }: Outcome): AccountClaim[] {
  const readers = clients.flatMap(({ plan, knowledge: { judge } }) =>
    judge instanceof UpdatesJudge ? [{ plan, judge }] : [],
  )
  const wrongCounts: string[] = []
  const wrongSums: string[] = []
  const total = { published: 0, delivered: 0, lost: 0, skipped: 0 }
  const sums = { truth: 0n, delivered: 0n }
  let whole = 0
  for (const { plan, judge } of readers) {
    let isWhole = true
    for (const [item, { delivered, lost, skipped, deliveredSum, missedSum }] of judge.items) {
      const name = `client ${plan.index}, ${item}`
      const published = recorded.publishedOf(item, loops)
      // A session that has not begun anew is told of all that it misses.
      const isToldAll = skipped === 0 || judge.hasBegunAnew
      if (delivered + lost + skipped !== published || !isToldAll)
        wrongCounts.push(`${name}: ${delivered} delivered, ${lost} lost, ${skipped} skipped of ${published}`)
      total.published += published
      total.delivered += delivered
      total.lost += lost
      total.skipped += skipped
      if (!recorded.isTrade(item)) continue
      const truth = recorded.sizesOf(item, loops)
      const isSummed = deliveredSum + missedSum === truth && (lost + skipped > 0 || missedSum === 0n)
      if (!isSummed) wrongSums.push(`${name}: ${textOf(deliveredSum)} and ${textOf(missedSum)} of ${textOf(truth)}`)
      if (lost + skipped > 0) isWhole = false
      sums.truth += truth
      sums.delivered += deliveredSum
    }
    if (isWhole) whole++
  }
  const { published, delivered, lost, skipped } = total
  return [
    {
      name: 'distinct: of each item of each client, delivered and lost (and skipped, where a session began anew) are all',
      isHeld: wrongCounts.length === 0,
      figures: wrongCounts[0] ?? `${published} = ${delivered} + ${lost} + ${skipped}`,
    },
    {
      name: 'distinct: the sizes of the trades that came sum up to the truth, less those that did not',
      isHeld: wrongSums.length === 0 && whole > 0,
      figures:
        wrongSums[0] ?? `${textOf(sums.delivered)} of ${textOf(sums.truth)}; ${whole} of ${readers.length} whole`,
    },
  ]
}
