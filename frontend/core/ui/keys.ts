// Single-key commands that never fire while somebody types.

export type KeyMap = Record<string, (event: KeyboardEvent) => void>

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName))

export function bindKeys(
  keys: KeyMap,
  on: Pick<Document, 'addEventListener' | 'removeEventListener'> = document,
): () => void {
  const listen = (event: Event): void => {
    const press = event as KeyboardEvent
    if (press.ctrlKey || press.metaKey || press.altKey || press.isComposing) return
    if (typing(press.target) && press.key !== 'Escape') return
    const action = keys[press.key] ?? keys[press.key.toLowerCase()]
    if (!action) return
    press.preventDefault()
    action(press)
  }
  on.addEventListener('keydown', listen)
  return () => on.removeEventListener('keydown', listen)
}
