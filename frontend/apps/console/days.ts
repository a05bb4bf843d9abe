// Days of the business zone as instants for the API.
const offset = '+08:00'

const after = (day: string): string => {
  const next = new Date(`${day}T00:00:00Z`)
  next.setUTCDate(next.getUTCDate() + 1)
  return next.toISOString().slice(0, 10)
}

/** When a day of the business zone begins, Unix ms. */
export const dayStart = (day: string): number => Date.parse(`${day}T00:00:00${offset}`)

/** Both days belong to the range. */
export function dayRange(from: string, to: string): { from?: string; to?: string } {
  const instant = (day: string) => new Date(`${day}T00:00:00${offset}`).toISOString()
  return { from: from ? instant(from) : undefined, to: to ? instant(after(to)) : undefined }
}

/** The day that the machine's own calendar shows at an instant. */
export function localDay(at: number): string {
  const d = new Date(at)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`
}
