export interface Column<T> {
  key: string
  label: string
  /** What the cell says: on the page and in the CSV. */
  text: (row: T) => string | number | null | undefined
  tone?: string
}
