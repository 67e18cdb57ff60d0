import test from 'ava'
import { librarySize } from '#perf/micro/library-size.ts'

test('[CL53] the size of the library is that of its files, and comments are no part of its code', t => {
  const { files, source, stripped, code, codeGzipped } = librarySize()
  t.true(files > 20)
  t.is(stripped, source, 'types leave white space behind')
  t.true(code < stripped && codeGzipped < code)
  t.true(codeGzipped < 21_000, 'the library stays small')
})
