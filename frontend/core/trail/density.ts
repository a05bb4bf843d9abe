// How many people were heard, by stretches of the day: the ground of the timeline.
import type { Span } from './lane'

export function density(heard: Iterable<readonly Span[]>, from: number, to: number, bins: number): Float32Array {
  const made = new Float32Array(bins)
  const wide = (to - from) / bins
  if (!(wide > 0)) return made
  for (const spans of heard)
    for (const span of spans) {
      const a = Math.max(from, span.from)
      const b = Math.min(to, span.to)
      if (b < a) continue
      const first = Math.min(bins - 1, Math.floor((a - from) / wide))
      const last = Math.min(bins - 1, Math.floor((b - from) / wide))
      for (let i = first; i <= last; i++) {
        const low = Math.max(a, from + i * wide)
        const high = Math.min(b, from + (i + 1) * wide)
        made[i]! += Math.max(0, high - low) / wide
      }
    }
  return made
}

/** The union of everybody's stretches, and between them the quiet ones longer than `least`. */
export function quiet(heard: Iterable<readonly Span[]>, from: number, to: number, least: number): Span[] {
  const all = [...heard].flat().toSorted((a, b) => a.from - b.from)
  const made: Span[] = []
  let until = from
  for (const span of all) {
    if (span.from - until >= least) made.push({ from: until, to: span.from })
    until = Math.max(until, span.to)
  }
  if (to - until >= least) made.push({ from: until, to })
  return made
}
