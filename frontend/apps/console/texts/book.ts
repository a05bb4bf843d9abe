// A book with both languages side by side: what stands together is changed together.
export type Book = Record<string, readonly [zh: string, en: string]>

export function tongue<B extends Book>(book: B, side: 0 | 1): Record<keyof B & string, string> {
  return Object.fromEntries(Object.entries(book).map(([key, pair]) => [key, pair[side]])) as Record<
    keyof B & string,
    string
  >
}
