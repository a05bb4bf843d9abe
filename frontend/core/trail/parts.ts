// An answer of many frames while it arrives: what is there is handed on at once,
// then a few times a second, and never half a frame.
import { ChunkError, whole } from './codec'

const between = 300

/** Reads to the end; `take` gets whole frames. An answer that ends within a frame is refused. */
export async function inParts(
  stream: ReadableStream<Uint8Array>,
  take: (frames: ArrayBuffer) => void,
  now: () => number = () => performance.now(),
): Promise<void> {
  const reader = stream.getReader()
  let held = new Uint8Array(1 << 16)
  let length = 0
  let last = Number.NEGATIVE_INFINITY
  const hand = (): void => {
    const ready = whole(held, length)
    if (ready === 0) return
    take(held.slice(0, ready).buffer)
    held.copyWithin(0, ready, length)
    length -= ready
    last = now()
  }
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      if (length + value.length > held.length) {
        const more = new Uint8Array(Math.max(held.length * 2, length + value.length))
        more.set(held.subarray(0, length))
        held = more
      }
      held.set(value, length)
      length += value.length
      if (now() - last >= between) hand()
    }
    hand()
  } finally {
    reader.releaseLock()
  }
  if (length > 0) throw new ChunkError('the answer ends too early')
}
