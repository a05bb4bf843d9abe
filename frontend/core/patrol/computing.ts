// How far the server has come with computing. While something waits no figure is
// a verdict, and a zero least of all.
export interface Computing {
  /** Worker-days that were computed. */
  computed: number
  /** Worker-days that wait to be, for the first time or again. */
  waiting: number
  /** Nothing waits. */
  settled: boolean
}

/** How much is done, 0 to 1; nothing known is nothing done. */
export const done = (c: Computing): number => (c.computed + c.waiting ? c.computed / (c.computed + c.waiting) : 0)
