// What the server found remarkable about a fix, bit by bit.

/** Bit order of the server's flags. */
export const flagWords = [
  'future_clock',
  'old_clock',
  'null_island',
  'swapped',
  'out_of_region',
  'too_fast',
  'inaccurate',
  'mock',
  'late',
  'no_zone',
  'no_time',
  'sos',
  'off_duty_sos',
  'converted',
  'invalid_fix',
] as const
export type FlagWord = (typeof flagWords)[number]

export const bit = (word: FlagWord): number => 1 << flagWords.indexOf(word)

/** These keep a fix from moving the marker, and out of the line. */
const implausible =
  bit('future_clock') |
  bit('old_clock') |
  bit('null_island') |
  bit('swapped') |
  bit('out_of_region') |
  bit('too_fast') |
  bit('invalid_fix')
/** An SOS may come from anywhere, however fast. */
const forgivenInSos = bit('too_fast') | bit('out_of_region')

export const words = (flags: number): FlagWord[] => flagWords.filter((_word, i) => (flags & (1 << i)) !== 0)

export function plausible(flags: number): boolean {
  const against = flags & bit('sos') ? implausible & ~forgivenInSos : implausible
  return (flags & against) === 0
}
