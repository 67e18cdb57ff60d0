/**
 * What the simulation has found: the bug, and a seed that failed before it was fixed and fails again without the fix.
 *
 * A seed is of merge and raw mode only, or of all modes. A change of faults.ts changes what a seed is. Then look for others:
 * undo the fix in a copy of the tree and run `node test/simulation/run.ts --seeds 1..500 --plain`, or `--modes`, there.
 */

export interface Regression {
  readonly title: string
  readonly seed: number
  readonly hasModes?: true
}

export const REGRESSIONS: readonly Regression[] = [
  { title: 'a replica of an item whose feed came back stayed stale', seed: 4 },
  { title: 'a feed was told twice that an item is wanted, or unwanted when it was not wanted', seed: 7 },
  { title: 'a refused update of a feed was told to the next feed in its slot', seed: 8 },
  { title: 'a field that was refused came out in raw mode', seed: 8 },
  { title: 'the id line of SSE was not counted in the window', seed: 4 },
  { title: 'who lost the updates of an item and its deletion was not told the deletion', seed: 270 },
  { title: 'what was served out of a run that the log had pushed out counted as lost too', seed: 439 },
  { title: 'an item that another core had announced stayed for ever where no follower had room for it', seed: 464 },
  { title: 'a session was set back behind the coming of a replica whose updates it had not been sent', seed: 106 },
  { title: 'what a client that was set back knows of a mark was guessed', seed: 161 },
  { title: 'a session that had lost events went on as if it had them', seed: 22 },
  { title: 'an operation that an item had no fields for was carried out at its home alone', seed: 1, hasModes: true },
  { title: 'marks that the log had pushed out were read as other entries', seed: 1, hasModes: true },
  { title: 'a table that was sent in parts came again before its turn', seed: 7, hasModes: true },
  { title: 'a flush that told that an item does not pass left its client within a stretch', seed: 178, hasModes: true },
  {
    title: 'the end of an empty snapshot was not told again to who was set back behind it',
    seed: 12_654,
    hasModes: true,
  },
  {
    title: 'what came before an item passed its filter was told no more to who was set back',
    seed: 31_542,
    hasModes: true,
  },
  {
    title: 'a poll whose time was over while what waited came to nothing was never answered',
    seed: 41_230,
    hasModes: true,
  },
  {
    title: 'a feed that its lane told of what is wanted before its core knew it was not told the end of that',
    seed: 41_726,
    hasModes: true,
  },
  { title: 'what waited when an item left its filter was told no more', seed: 197, hasModes: true },
]
