/**
 * What the simulation has found: the bug, and a seed that failed before it was fixed and fails again without the fix.
 *
 * A change of faults.ts changes what a seed is. Then look for others: undo the fix in a copy of the tree and run
 * `node test/simulation/run.ts --seeds 1..500` there.
 */

export interface Regression {
  readonly title: string
  readonly seed: number
}

export const REGRESSIONS: readonly Regression[] = [
  { title: 'a replica of an item whose feed came back stayed stale', seed: 10 },
  { title: 'a feed was told twice that an item is wanted, or unwanted when it was not wanted', seed: 49 },
  { title: 'a refused update of a feed was told to the next feed in its slot', seed: 62 },
  { title: 'a field that was refused came out in raw mode', seed: 45 },
  { title: 'the id line of SSE was not counted in the window', seed: 57 },
  { title: 'who lost the updates of an item and its deletion was not told the deletion', seed: 415 },
  { title: "a new connection waited for ever for the bytes of its slot's earlier user", seed: 63 },
  { title: 'what was served out of a run that the log had pushed out counted as lost too', seed: 213 },
]
