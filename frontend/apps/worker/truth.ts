// The one sentence at the top of the page: is a position of mine being recorded
// now? Everything that decides it is here, so that it can be read and tested as
// a table. When two sources disagree the page says "recording": nobody may
// think himself unobserved who is not.
export type GeoTrouble = 'denied' | 'unavailable' | 'timeout' | 'insecure' | 'unsupported'

export interface Facts {
  now: number
  /** Duty that was started on this phone. */
  localDuty: boolean
  /** This page is asking the phone for positions. */
  watching: boolean
  hidden: boolean
  /** When this page last got a position from the phone. */
  fixAt: number | null
  /** When watching began. */
  watchingSince: number | null
  geoTrouble: GeoTrouble | null
  /** The server's answer about duty; null when it has not answered lately. */
  server: { tracked: boolean; session: boolean; sos: boolean; lastFixAt: number | null } | null
  /** An SOS was sent from here and is not closed. */
  sos: boolean
  unsent: number
  offline: boolean
}

export type Tone = 'on' | 'off' | 'alert'

export type Why =
  | 'duty' // on duty, positions come
  | 'duty.offline' // the same, kept on the phone for now
  | 'sos' // an SOS is open: positions count although off duty
  | 'other' // other device or a shift: the server stores what comes
  | 'waiting' // just begun, the first position is being looked for
  | 'hidden' // the page is in the background
  | 'denied'
  | 'unavailable'
  | 'insecure'
  | 'unsupported'
  | 'silent' // the phone gives no new position
  | 'off'
  | 'off.unsent'
  | 'off.unknown'

export interface Truth {
  /** 正在记录位置, or 未记录位置: there is no third headline. */
  recording: boolean
  tone: Tone
  why: Why
}

/** A phone that has not given a position for so long is not recording. */
export const silence = 90_000
const firstFix = 30_000

export function truth(facts: Facts): Truth {
  const sos = facts.sos || (facts.server?.sos ?? false)
  const wanted = facts.localDuty || sos
  // other devices may be sending: what the server says about them counts
  const elsewhere =
    facts.server?.tracked === true && facts.server.lastFixAt !== null && facts.now - facts.server.lastFixAt < silence
  if (wanted && facts.watching) {
    const age = facts.fixAt === null ? Number.POSITIVE_INFINITY : facts.now - facts.fixAt
    if (facts.hidden) return elsewhere ? on('other') : alert('hidden')
    if (age < silence) return on(sos ? 'sos' : facts.offline ? 'duty.offline' : 'duty')
    if (facts.geoTrouble && facts.geoTrouble !== 'timeout')
      return elsewhere ? on('other') : alert(say(facts.geoTrouble))
    const since = facts.watchingSince === null ? Number.POSITIVE_INFINITY : facts.now - facts.watchingSince
    if (since < firstFix) return on('waiting')
    return elsewhere ? on('other') : alert('silent')
  }
  if (wanted) return elsewhere ? on('other') : alert(facts.geoTrouble ? say(facts.geoTrouble) : 'silent')
  // off duty here; the server may know of a shift, or of duty begun on another device
  if (facts.server?.tracked) return on('other')
  if (facts.unsent > 0) return off('off.unsent')
  return off(facts.server === null ? 'off.unknown' : 'off')
}

const on = (why: Why): Truth => ({ recording: true, tone: 'on', why })
const off = (why: Why): Truth => ({ recording: false, tone: 'off', why })
const alert = (why: Why): Truth => ({ recording: false, tone: 'alert', why })
const say = (trouble: GeoTrouble): Why => (trouble === 'timeout' ? 'silent' : trouble)
