// The smallest store that Vue (or anything) can watch.
export type Unsubscribe = () => void

export interface Readable<T> {
  get(): T
  subscribe(listen: (value: T) => void): Unsubscribe
}

export class Store<T> implements Readable<T> {
  #value: T
  readonly #listeners = new Set<(value: T) => void>()

  constructor(value: T) {
    this.#value = value
  }

  get(): T {
    return this.#value
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return
    this.#value = value
    for (const listen of this.#listeners) listen(value)
  }

  subscribe(listen: (value: T) => void): Unsubscribe {
    this.#listeners.add(listen)
    return () => {
      this.#listeners.delete(listen)
    }
  }
}
