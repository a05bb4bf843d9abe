// Why somebody looks at a person's track: the same rule as the server's.
export type PurposeFault = 'short' | 'long'

export const shortest = 2
export const longest = 200

export function purposeFault(text: string): PurposeFault | null {
  const length = [...text.trim()].length
  if (length < shortest) return 'short'
  return length > longest ? 'long' : null
}
