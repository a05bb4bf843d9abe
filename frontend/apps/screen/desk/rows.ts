// Which part of a long list is on the screen: rows have known heights, so a list
// of a thousand cases costs as much as one of twenty.
export interface Slice {
  from: number
  to: number
  /** Height above the first shown row. */
  above: number
  total: number
}

export function sliceOf(heights: readonly number[], top: number, height: number, spare = 3): Slice {
  let total = 0
  let from = -1
  let to = heights.length
  let above = 0
  for (let i = 0; i < heights.length; i++) {
    const next = total + heights[i]!
    if (from < 0 && next > top) {
      from = i
      above = total
    }
    if (to === heights.length && total >= top + height) to = i
    total = next
  }
  if (from < 0) return { from: heights.length, to: heights.length, above: total, total }
  for (let i = 0; i < spare && from > 0; i++) above -= heights[--from]!
  return { from, to: Math.min(heights.length, to + spare), above, total }
}
