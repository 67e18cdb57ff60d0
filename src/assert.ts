/**
 * Assertions for broken invariants (programmer errors). An operating error is a value or a coded error instead
 * (see errors.ts). A failed assertion ends the thread; the supervisor reports it.
 */

import { AssertionError } from '#src/errors.ts'

/** Throws when `condition` is false. `message` says which invariant is broken, in a sentence without its values. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** Marks a branch that the types already exclude. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable value ${String(value)}`)
}
