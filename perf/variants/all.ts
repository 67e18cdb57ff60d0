/** Every variant by its name, in the order in which `all` runs them. */

import { CONNECT_VARIANT } from './connect.ts'
import { IDLE_VARIANT } from './idle.ts'
import { INGEST_VARIANT } from './ingest.ts'
import { BOOKS_VARIANT, FILTERS_VARIANT, TRADES_VARIANT } from './modes.ts'
import { OVERLOAD_VARIANT } from './overload.ts'
import { REPLAY_VARIANT } from './replay.ts'
import { RISING } from './rising.ts'
import { SLOW_VARIANT } from './slow.ts'
import { SOAK_VARIANT } from './soak.ts'
import type { Variant } from './variant.ts'
import { WORKLOADS } from './workloads.ts'

export const VARIANTS: readonly Variant[] = [
  ...WORKLOADS,
  ...RISING,
  IDLE_VARIANT,
  SLOW_VARIANT,
  OVERLOAD_VARIANT,
  INGEST_VARIANT,
  CONNECT_VARIANT,
  BOOKS_VARIANT,
  TRADES_VARIANT,
  FILTERS_VARIANT,
  REPLAY_VARIANT,
  SOAK_VARIANT,
]

/** What `npm run perf` runs when it is given no name. */
export const CANONICAL = 'liberator'
