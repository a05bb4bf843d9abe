// Resources as the table that POST /resources takes. Not the CSV of exports:
// nothing is put before a plus sign, or a telephone would come back changed.
const columns = [
  'code',
  'kind',
  'name',
  'lon',
  'lat',
  'org_code',
  'address',
  'contact',
  'phone',
  'hours',
  'note',
  'status',
] as const

const cell = (value: unknown): string => {
  const text = value === null || value === undefined ? '' : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

export const resourceTable = (rows: readonly Record<string, unknown>[]): string =>
  [columns, ...rows.map(row => columns.map(key => row[key]))].map(row => row.map(cell).join(',')).join('\r\n')
