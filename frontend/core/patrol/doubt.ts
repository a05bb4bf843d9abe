// The words of doubts in another language than the server's: its sentences come
// with their code and figures, so that they can be said again. In Chinese, and
// for a code from a newer server, the server's own sentence stands.
import type { DoubtSignal, DoubtStep } from '../api/doubt'
import { locale } from '../i18n/t'

interface Words {
  name: string
  what: string
  text: (f: Record<string, number>) => string
}

const n = (value: number | undefined): string => (value ?? 0).toLocaleString('en')
const many = (value: number | undefined, one: string, more = `${one}s`): string =>
  `${n(value)} ${value === 1 ? one : more}`
const km = (metres: number | undefined): string => `${((metres ?? 0) / 1000).toFixed(1)} km`
const minutes = (seconds: number | undefined): string => `${Math.floor((seconds ?? 0) / 60)} min`
const share = (f: Record<string, number>): string =>
  f.percent === undefined ? '' : `; ${f.percent} % of the day's positions`

const english: Record<string, Words> = {
  mock: {
    name: 'Mock location',
    what: 'The device says that a mock provider made positions. Phones under repair and screen-casting software do so too.',
    text: f => `${n(f.fixes)} of ${many(f.of, 'position')} were made by a mock provider`,
  },
  same_as_earlier_day: {
    name: 'Same as an earlier day',
    what: 'Everywhere where an earlier day was, at the same relative times. Nobody walks over the same metre twice.',
    text: f =>
      `The same as ${many(f.days, 'earlier day')} for up to ${minutes(f.seconds)} and ${km(f.metres)}, ${f.median_m} m apart in the median${share(f)}`,
  },
  teleport: {
    name: 'Teleport',
    what: 'More than a kilometre in less than ten seconds, and it stays there. A stray position does not count.',
    text: f => `${many(f.times, 'jump')}, the farthest of ${km(f.farthest_m)}`,
  },
  same_as_other: {
    name: 'Same as another person',
    what: 'Beside another person everywhere for long. Companions and people in one vehicle are so; when it is on record it counts nothing.',
    text: f =>
      `The same as ${many(f.people, 'other person', 'other people')} for up to ${minutes(f.seconds)} and ${km(f.metres)}, ${f.median_m} m apart in the median`,
  },
  zero_jitter: {
    name: 'No jitter',
    what: 'Many positions in a row are identical. A receiver jitters even when it lies still; some phones pin themselves.',
    text: f => `${many(f.runs, 'stretch', 'stretches')} without any motion, up to ${n(f.longest)} identical positions`,
  },
  shared_phone: {
    name: 'One phone for several people',
    what: 'One phone reported for several people on the day. So does a phone that is lent.',
    text: f => `The phone also reported for ${many(f.people, 'other person', 'other people')} on the day`,
  },
  straight_constant: {
    name: 'Straight at constant speed',
    what: 'A stretch lies on a line and keeps one speed. Nobody walks so.',
    text: f => `${many(f.runs, 'stretch', 'stretches')}, ${n(f.metres)} m together${share(f)}`,
  },
  made_jitter: {
    name: 'Jitter of a program',
    what: "Where somebody stands, each position is off without regard to the one before. A receiver's error wanders; a rare chip may be an exception.",
    text: f => `${many(f.runs, 'place')}, ${many(f.fixes, 'position')}${share(f)}`,
  },
  photo_far: {
    name: 'Photo taken elsewhere',
    what: "A visit's photo was taken more than 300 m from the visit. Photos that were passed on are so too.",
    text: f => `${many(f.photos, 'photo')}, the farthest ${n(f.farthest_m)} m away`,
  },
  tampered_client: {
    name: 'Rooted or hooked phone',
    what: 'The app found the phone rooted, or a hooking framework in it.',
    text: f => `${n(f.fixes)} of ${many(f.of, 'position')} came from a rooted or hooked phone`,
  },
  too_fast: {
    name: 'Too fast on foot',
    what: 'Faster than 20 m/s for a minute while on patrol on foot. A ride to the place is so too.',
    text: f => `${many(f.runs, 'stretch', 'stretches')}, up to ${Math.round((f.top_ms ?? 0) * 3.6)} km/h`,
  },
  never_gps: {
    name: 'Never GPS',
    what: 'No position from satellites all day, only from masts and wireless. A day indoors is so too.',
    text: f => `All ${many(f.fixes, 'position')} came from masts or wireless`,
  },
  constant_accuracy: {
    name: 'Constant accuracy',
    what: 'One accuracy all day long. Some phones always say the same.',
    text: f => `All ${many(f.fixes, 'position')} say ${f.accuracy_m} m`,
  },
  clock_skew: {
    name: 'Clock skew',
    what: "The phone's clock is more than ten minutes off, and stays so.",
    text: f =>
      `The phone's clock is ${Math.round(Math.abs(f.skew_s ?? 0) / 60)} min ${(f.skew_s ?? 0) < 0 ? 'fast' : 'slow'}, in ${many(f.uploads, 'upload')}`,
  },
}

const reasons: Record<string, string> = {
  companions: 'declared companions of a visit',
  one_order: 'both were sent to one case',
  one_team: 'rostered as one patrol team',
  one_vehicle: 'in one vehicle',
  no_satellites: 'jumps there and back: the phone saw no satellites',
}

const here = (code: string): Words | undefined => (locale() === 'en' ? english[code] : undefined)

/** How a doubt stands, as a colour. */
export const doubtTone = (state: string): string =>
  state === 'closed' || state === 'withdrawn'
    ? 'muted'
    : state === 'decided'
      ? 'good'
      : state === 'appealed'
        ? 'bad'
        : 'warn'

/** A signal's name; Chinese is what the server says. */
export const named = (code: string, name: string): string => here(code)?.name ?? name

/** What is looked for, and what may explain it. */
export const meaning = (code: string, what: string | undefined): string => here(code)?.what ?? what ?? ''

/** What was seen, with its figures. */
export const seen = (signal: Pick<DoubtSignal, 'code' | 'text' | 'figures'>): string =>
  (signal.figures && here(signal.code)?.text(signal.figures)) ?? signal.text

/** Why it counts nothing. */
export const explained = (signal: Pick<DoubtSignal, 'mitigated' | 'why'>): string =>
  (locale() === 'en' && reasons[signal.why ?? '']) || (signal.mitigated ?? '')

/** What happened: the system's sentences in the page's language, people's as they wrote them. */
export function told(step: DoubtStep): string {
  if (locale() !== 'en' || step.account !== null) return step.text
  const list = step.codes.map(code => english[code]?.name ?? code).join(', ')
  switch (step.kind) {
    case 'raised':
      return `Raised by the system, ${step.score} points: ${list}. Advice only; a person decides`
    case 'renewed':
      return `Data or rules changed: now ${step.score} points: ${list}`
    case 'withdrawn':
      return `After late data or another rule ${step.score} points, below the threshold: withdrawn by the system`
    case 'late_data':
      return `Data changed after the decision: now ${step.score} points. The decision does not change by itself`
    case 'erased':
      return 'Its time was over: the places were removed from the evidence, the words are kept'
    case 'closed':
      return 'Closed'
  }
  return step.text
}

const units: Record<string, string> = {
  个: '',
  米: 'm',
  秒: 's',
  天: 'days',
  分: 'points',
  '米/秒': 'm/s',
  次: 'times',
}

/** What a rule's figure is counted in; fixes are counted in nothing in English. */
export const figureUnit = (unit: string): string => (locale() === 'en' ? (units[unit] ?? unit) : unit)
