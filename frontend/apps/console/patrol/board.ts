// The week board, read whole: it is put in order by raw fractions, which no page
// of it could be.
import { get, sentenceOf } from '@core/api/client'
import type { Board, BoardRow, Coverage, Frac } from '@core/patrol/shape'
import { onScopeDispose, ref, shallowRef, watch } from 'vue'

export type Week = Omit<Board, 'rows' | 'next'>

const atOnce = 200
/** More grids than this are a district's: its streets are looked at one by one. */
export const most = 2_000

export function useBoard(asked: () => { week: string; org: string; q: string; state: string }) {
  const week = shallowRef<Week | null>(null)
  const rows = shallowRef<BoardRow[]>([])
  const cut = ref(false)
  const loading = ref(false)
  const trouble = ref('')
  let mine: AbortController | null = null
  let timer: ReturnType<typeof setTimeout> | undefined

  async function load(quiet = false): Promise<void> {
    if (quiet && loading.value) return
    mine?.abort()
    const me = new AbortController()
    mine = me
    loading.value = true
    trouble.value = ''
    try {
      const all: BoardRow[] = []
      let cursor: string | undefined
      let head: Week | null = null
      do {
        const page: Board = await get<Board>('/patrol/board', { ...asked(), cursor, limit: atOnce }, me.signal)
        if (mine !== me) return
        all.push(...(page.rows ?? []))
        head ??= page
        cursor = page.next
      } while (cursor && all.length < most)
      week.value = head
      rows.value = all
      cut.value = cursor !== undefined && cursor !== ''
    } catch (error) {
      if (mine === me) trouble.value = sentenceOf(error)
    } finally {
      if (mine === me) loading.value = false
    }
  }

  watch(
    () => JSON.stringify(asked()),
    (_now, before) => {
      clearTimeout(timer)
      if (before === undefined) void load()
      else timer = setTimeout(() => void load(), 200)
    },
    { immediate: true },
  )
  onScopeDispose(() => {
    clearTimeout(timer)
    mine?.abort()
    mine = null
  })
  return { week, rows, cut, loading, trouble, load }
}

export interface Totals {
  grids: number
  met: number
  unmet: number
  exempt: number
  coverage: Coverage
  visits: number
  found: Frac
  outside: Frac
  doubts: number
}

/** Sums of numerators and of denominators, each measure for itself. */
export function totals(rows: readonly BoardRow[]): Totals {
  const sum = (pick: (row: BoardRow) => Frac): Frac =>
    rows.reduce((all, row) => ({ n: all.n + pick(row).n, d: all.d + pick(row).d }), { n: 0, d: 0 })
  const of = (state: BoardRow['state']): number => rows.filter(row => row.state === state).length
  return {
    grids: rows.length,
    met: of('met'),
    unmet: of('unmet'),
    exempt: of('exempt'),
    coverage: {
      area: sum(row => row.coverage.area),
      household: sum(row => row.coverage.household),
      object: sum(row => row.coverage.object),
      checkpoint: sum(row => row.coverage.checkpoint),
    },
    visits: rows.reduce((n, row) => n + row.visits, 0),
    found: sum(row => row.found_rate),
    outside: sum(row => row.out_of_grid),
    doubts: rows.reduce((n, row) => n + row.doubts.open, 0),
  }
}
