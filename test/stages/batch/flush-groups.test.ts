import test from 'ava'
import type { Session } from '#src/domain/session.ts'
import { FlushGroups } from '#stages/batch/flush-groups.ts'
import { Random, seedOr } from '#test/support/random.ts'

/** A session is only carried here: the test gives numbers for it. */
const sessionOf = (number: number): Session => ({ slot: number }) as Session

test('[S5] sessions whose flushes are the same bodies in the same order share one: random runs against a map', t => {
  const random = new Random(seedOr(20_260_241))
  const groups = new FlushGroups(64, 1_024)
  let shared = 0
  for (let turn = 0; turn < 300; turn++) {
    groups.begin()
    const model = new Map<string, number[]>()
    const bodies = Array.from({ length: 1 + random.int(4) }, () => random.int(1 << 23))
    for (let member = 0; !groups.isFull && groups.hasTokenRoom(6); member++) {
      const start = groups.tokenCount
      const run = Array.from({ length: 1 + random.int(random.chance(0.5) ? 2 : 6) }, () => random.pick(bodies))
      for (const body of run) groups.push(body, body % 1_000, 0, 0)
      const bytes = run.reduce((sum, body) => sum + (body % 1_000), 0)
      const added = groups.add(sessionOf(member), start, bytes, run.length, member % 7)
      groups.parts.set(added, { position: member, seq: member + 1, isStaleTold: true, lost: 0 })
      const key = run.join(' ')
      model.set(key, [...(model.get(key) ?? []), member])
    }
    const expected = [...model].map(([key, members]) => `${key}: ${members.join(' ')}`)
    const actual: string[] = []
    for (let group = 0; group < groups.groupCount; group++) {
      const run = [...groups.tokens.subarray(groups.starts[group], groups.ends[group])]
      const lengths = [...groups.tokenLengths.subarray(groups.starts[group], groups.ends[group])]
      const members: number[] = []
      for (let member = groups.firstMembers[group]!; member >= 0; member = groups.nextMember[member]!) {
        members.push(member)
        const isRight = groups.taken[member] === member % 7 && groups.parts.positions[member] === member
        if (!isRight || groups.sessions[member]?.slot !== member) t.fail(`member ${member}; SEED=${random.seed}`)
      }
      const bytes = run.reduce((sum, body) => sum + (body % 1_000), 0)
      const isCounted =
        groups.memberCounts[group] === members.length &&
        groups.byteCounts[group] === bytes &&
        groups.updateCounts[group] === run.length &&
        lengths.every((length, index) => length === run[index]! % 1_000)
      if (!isCounted) t.fail(`the sums of group ${group}; SEED=${random.seed}`)
      actual.push(`${run.join(' ')}: ${members.join(' ')}`)
      if (members.length > 1) shared++
    }
    // Groups stand in the order of their first sessions, so that nobody is passed.
    if (actual.join('\n') !== expected.join('\n')) t.deepEqual(actual, expected, `SEED=${random.seed}`)
  }
  t.true(shared > 100)
})

test('[S5] flushes of different bodies with the same hash are different', t => {
  // FNV over whole tokens: a second token that makes up for the first.
  const step = (hash: number, token: number): number => Math.imul(hash ^ token, 0x01000193)
  const [first, other, second] = [8, 4_096, 512]
  const balancing = step(0x811c9dc5, first) ^ second ^ step(0x811c9dc5, other)
  t.is(step(step(0x811c9dc5, first), second), step(step(0x811c9dc5, other), balancing))
  const groups = new FlushGroups(4, 16)
  groups.begin()
  for (const [member, run] of [
    [first, second],
    [other, balancing],
    [first, second],
  ].entries()) {
    const start = groups.tokenCount
    for (const token of run) groups.push(token, 1, 0, 0)
    groups.add(sessionOf(member), start, 2, 2, 1)
  }
  t.is(groups.groupCount, 2)
  t.deepEqual([groups.memberCounts[0], groups.memberCounts[1]], [2, 1])
})

test('[S5] the same beginning with another length is another flush (a run and its first body begin alike)', t => {
  const groups = new FlushGroups(4, 16)
  groups.begin()
  for (const [member, length] of [100, 250, 100].entries()) {
    const start = groups.tokenCount
    groups.push(64, length, 0, 0)
    groups.add(sessionOf(member), start, length, 1, 1)
  }
  t.is(groups.groupCount, 2)
})
