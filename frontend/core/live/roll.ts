// A bounded list of things that have an id and a state of their own: alarms,
// whistles, commands. The newest word about each wins, by its number in the
// journal; the list never grows beyond its limit.
import { Store } from './store'

export class Roll<T extends { id: string }> {
  readonly list = new Store<readonly T[]>([])
  readonly #limit: number
  readonly #seqs = new Map<string, number>()

  constructor(limit = 100) {
    this.#limit = limit
  }

  /** Whether it was news. Numbers of different regions are not compared: an id lives in one. */
  put(item: T, seq: number): boolean {
    const known = this.#seqs.get(item.id)
    if (known !== undefined && seq <= known) return false
    this.#seqs.set(item.id, seq)
    const list = [item, ...this.list.get().filter(other => other.id !== item.id)].slice(0, this.#limit)
    for (const id of [...this.#seqs.keys()])
      if (this.#seqs.size > this.#limit * 4 && !list.some(kept => kept.id === id)) this.#seqs.delete(id)
    this.list.set(list)
    return true
  }

  /** A page of the API: what events said later stays. */
  replace(items: readonly T[], readAt: number): void {
    const later = this.list.get().filter(item => (this.#seqs.get(item.id) ?? 0) > readAt)
    this.list.set([...later, ...items.filter(item => !later.some(l => l.id === item.id))].slice(0, this.#limit))
  }

  remove(id: string): void {
    this.list.set(this.list.get().filter(item => item.id !== id))
  }
}
