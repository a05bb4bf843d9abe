// Stretches of a day, as sorted lists without overlaps.
import type { Span } from './lane'

/** Where both lists agree. */
export function common(a: readonly Span[], b: readonly Span[]): Span[] {
  const made: Span[] = []
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const from = Math.max(a[i]!.from, b[j]!.from)
    const to = Math.min(a[i]!.to, b[j]!.to)
    if (from < to) made.push({ from, to })
    if (a[i]!.to < b[j]!.to) i++
    else j++
  }
  return made
}

/** The list with one more. */
export function joined(spans: readonly Span[], one: Span): Span[] {
  const made: Span[] = []
  for (const span of [...spans, one].toSorted((a, b) => a.from - b.from)) {
    const last = made.at(-1)
    if (last && span.from <= last.to) last.to = Math.max(last.to, span.to)
    else made.push({ ...span })
  }
  return made
}

/** What of [from, to) the list leaves out. */
export function holes(spans: readonly Span[], from: number, to: number): Span[] {
  const made: Span[] = []
  let until = from
  for (const span of spans) {
    if (span.from > until) made.push({ from: until, to: Math.min(to, span.from) })
    until = Math.max(until, span.to)
    if (until >= to) break
  }
  if (until < to) made.push({ from: until, to })
  return made.filter(one => one.from < one.to)
}

/** Whether all of [from, to) is in the list. */
export const covers = (spans: readonly Span[], from: number, to: number): boolean =>
  spans.some(one => one.from <= from && to <= one.to)
