// The console hears the live socket: a page that shows cases, whistles, alarms
// or commands reads again when something of the kind happens, and only now and
// then besides. While the line is down it looks as often as it says, and the
// frame says that what is shown may be old.
import { type Link, type LiveEvent, LiveSocket } from '@core/live/socket'
import { onScopeDispose, ref, shallowRef, watch } from 'vue'
import { every } from './poll'
import { may, session } from './session'

/** Words of one change come together: read once, when they have all been said. */
const settle = 250
/** Under a storm of events a page reads so often, ms. */
const apart = 1_500
/** Looked at in spite of a good line: what changes without a word, like an age. */
const seldom = 60_000

type Hears = (event: LiveEvent) => boolean

interface Ear {
  hears: Hears
  dirty: () => void
}

const ears = new Set<Ear>()
export const link = shallowRef<Link | null>(null)
/** How many lists on the page live by the line. */
export const listening = ref(0)
let socket: LiveSocket | null = null

const everything = (): void => {
  for (const ear of ears) ear.dirty()
}

function connect(): void {
  if (socket || !session.value || !may('see_map')) return
  const made = new LiveSocket({
    url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`,
    view: { bbox: [-180, -85, 180, 85], zoom: 0, mode: 'bins' }, // positions are not for here: the fewest there are
    listener: {
      event: event => {
        for (const ear of ears) if (ear.hears(event)) ear.dirty()
      },
      reset: everything,
      live: everything, // while the line was down, anything may have happened
    },
  })
  made.link.subscribe(now => {
    link.value = now
  })
  made.start()
  socket = made
}

watch(session, now => {
  if (now) return
  socket?.stop()
  socket = null
  link.value = null
})

const good = (): boolean => link.value?.state === 'live'

/** Reads again when an event of one of the families is heard (`incident.`), or one that the page picks. */
export function freshen(hears: readonly string[] | Hears, down: number, again: () => unknown): void {
  const hearing: Hears =
    typeof hears === 'function' ? hears : event => hears.some(family => event.kind.startsWith(family))
  let timer: ReturnType<typeof setTimeout> | undefined
  let missed = false
  let last = 0
  const read = (): void => {
    timer = undefined
    if (document.hidden) {
      missed = true
      return
    }
    last = Date.now()
    missed = false
    void again()
  }
  const ear: Ear = {
    hears: hearing,
    dirty: () => {
      timer ??= setTimeout(read, Math.max(settle, last + apart - Date.now()))
    },
  }
  const seen = (): void => {
    if (!document.hidden && missed) ear.dirty()
  }
  ears.add(ear)
  listening.value++
  connect()
  document.addEventListener('visibilitychange', seen)
  every(down, () => {
    if (!good() || Date.now() - last >= seldom) read()
  })
  onScopeDispose(() => {
    clearTimeout(timer)
    ears.delete(ear)
    listening.value--
    document.removeEventListener('visibilitychange', seen)
  })
}
