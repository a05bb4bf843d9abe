import { ChunkError } from '@core/trail/codec'
import { inParts } from '@core/trail/parts'
import { expect, it } from 'vitest'
import { encode, framed, midnight, walk } from './chunks'

/** The bytes in pieces of so many. */
const pieces = (bytes: Uint8Array, size: number): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(c) {
      for (let at = 0; at < bytes.length; at += size) c.enqueue(bytes.slice(at, at + size))
      c.close()
    },
  })

const answer = new Uint8Array(
  framed([1, 2, 3].map(seed => ({ index: seed, bytes: encode(walk(seed, midnight, midnight + 3_600_000)) }))),
)

it.each([1, 7, 1000, 1 << 20])('hands on whole frames only, however it arrives: %i bytes at a time', async size => {
  const parts: Uint8Array[] = []
  let clock = 0
  await inParts(
    pieces(answer, size),
    part => parts.push(new Uint8Array(part)),
    () => (clock += 1000),
  )
  expect(parts.length).toBe(size > answer.length ? 1 : 3)
  expect(Buffer.concat(parts).equals(Buffer.from(answer))).toBe(true)
})

it('waits a moment between two parts', async () => {
  let parts = 0
  await inParts(
    pieces(answer, 100),
    () => parts++,
    () => 0,
  )
  expect(parts).toBe(2) // the first, and the rest
})

it('refuses an answer that breaks off', async () => {
  await expect(inParts(pieces(answer.slice(0, -1), 64), () => undefined)).rejects.toThrow(ChunkError)
})
