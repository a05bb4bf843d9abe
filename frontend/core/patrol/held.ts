// What is held about people, in another language than the server's. Its words are
// a house's own to edit: what nobody has edited is said again here; what somebody
// wrote stands as it was written.
import type { DataClass, RetentionRun } from '../api/doubt'
import { pause } from '../i18n/format'
import { locale } from '../i18n/t'

type Said = Pick<DataClass, 'content' | 'purpose' | 'legal_basis' | 'recipients' | 'retention_text'>

const duty = 'needed for a duty laid down by law'
const obligation = 'needed for an obligation laid down by law'
const staff = 'needed for the management of staff'
const superiors = 'the person; managers of his organisation'

const english: Record<string, Said & { name: string }> = {
  track: {
    name: 'Tracks',
    content: 'positions on duty: time, place, accuracy, speed, heading, battery, grid',
    purpose: 'to check patrols and visits, to dispatch in an emergency, for safety',
    legal_basis: `${duty}; consent given by itself at the start of duty`,
    recipients: 'the person; managers with the power to see tracks, each look with its purpose and on record',
    retention_text: 'then raw and archived tracks are removed, figures stay',
  },
  duty: {
    name: 'Duty',
    content: 'when and for what duty began and ended, the notice agreed to, times in and out of grids',
    purpose: 'to keep positions on duty only; to reckon patrol time',
    legal_basis: duty,
    recipients: superiors,
    retention_text: 'as long as the assessment of patrols',
  },
  patrol: {
    name: 'Results of patrols',
    content: 'effective minutes a day, half-days that count, coverage, distance, and what they rest on',
    purpose: 'to check the quota; assessment',
    legal_basis: duty,
    recipients: `${superiors}, those who assess`,
    retention_text: 'as long as the assessment',
  },
  visit: {
    name: 'Visits',
    content: 'whom, when, where, what was found, photos',
    purpose: 'service by visits; the ledger',
    legal_basis: duty,
    recipients: superiors,
    retention_text: 'as long as the ledger of visits',
  },
  doubt: {
    name: 'Doubtful tracks',
    content: 'signals and their evidence, the explanation, decisions and appeals',
    purpose: 'to check tracks fairly; no automatic penalty',
    legal_basis: duty,
    recipients: 'the person; managers with the power to see tracks',
    retention_text: 'after it is closed; then the places are removed from the evidence, the words stay',
  },
  access: {
    name: 'Who looked',
    content: 'who looked at your data, when and for what purpose',
    purpose: 'to watch over the use of personal data',
    legal_basis: obligation,
    recipients: 'the person; auditors',
    retention_text: 'for good, cannot be deleted',
  },
  account: {
    name: 'Account and person',
    content: 'name, number, phone, post, account; time, address and browser of sign-ins',
    purpose: 'to know who somebody is; contact at work',
    legal_basis: staff,
    recipients: superiors,
    retention_text: 'while on the roll',
  },
  audit: {
    name: 'Operation log',
    content: 'time and address of sign-ins, exports, changes',
    purpose: 'security of the system',
    legal_basis: obligation,
    recipients: 'auditors',
    retention_text: 'at least 180 days',
  },
  signature: {
    name: 'Signatures of tracks',
    content: "one place in half a minute, only to compare a track with earlier days and other people's",
    purpose: 'to check tracks fairly',
    legal_basis: duty,
    recipients: 'the system alone, nobody can see them',
    retention_text: 'then removed: nothing older is compared',
  },
  photo: {
    name: 'Photos',
    content: 'photos of visits, cases and explanations, when and where they were taken',
    purpose: 'evidence of visits and of what was done',
    legal_basis: duty,
    recipients: superiors,
    retention_text: 'with the visit, case or doubt that they belong to',
  },
  assess: {
    name: 'Assessment',
    content: "a guide's scores, marks with their reasons, appeals",
    purpose: 'assessment',
    legal_basis: duty,
    recipients: 'the person; those who assess',
    retention_text: 'as long as the assessment',
  },
  work: {
    name: 'Cases, orders and commands',
    content: 'cases reported, handled or verified; orders, commands and notices received, with receipts',
    purpose: 'handling of cases, command and dispatch',
    legal_basis: duty,
    recipients: 'the person; those who handle it',
    retention_text: "as long as the case's file",
  },
  sos: {
    name: 'Calls for help',
    content: 'time, place, answer and outcome of a call for help',
    purpose: 'personal safety',
    legal_basis: 'needed to protect life and health in an emergency',
    recipients: 'the person; the command room',
    retention_text: "as long as the case's file",
  },
  roster: {
    name: 'Grids, roster and leave',
    content: 'grids and roles, shifts, leave, skills',
    purpose: 'to know who patrols where; leave is taken off what is required',
    legal_basis: staff,
    recipients: superiors,
    retention_text: 'while on the roll',
  },
  device: {
    name: 'Devices',
    content:
      "registration, last report, battery, the app's version and its random number, how many positions were dropped off duty (without places)",
    purpose: 'to receive positions; to find one phone used for several people',
    legal_basis: duty,
    recipients: 'the person; those who look after devices',
    retention_text: 'while the device is registered; use of phones as long as signatures',
  },
  taken: {
    name: 'Playbacks and exports',
    content: 'who played back or exported your track, when and for what purpose',
    purpose: 'to watch over the use of tracks',
    legal_basis: obligation,
    recipients: 'the person; who approves, auditors',
    retention_text: 'until they expire; the records of looks for good',
  },
  acts: {
    name: 'Signatures under official acts',
    content: 'your name under feedback, approvals, supervision, whistles, watches, assessments',
    purpose: 'to know who answers for what',
    legal_basis: duty,
    recipients: 'the organisations concerned',
    retention_text: 'with the case, the rule or the assessment',
  },
}

/** Nobody has edited it: its words are the ones that came with the program. */
const untouched = (one: Pick<DataClass, 'version'>): boolean => one.version === 1

export const className = (code: string, name: string): string => (locale() === 'en' && english[code]?.name) || name

/** The class in the page's language. */
export const classSaid = (one: DataClass): Said =>
  (locale() === 'en' && untouched(one) && english[one.code]) || (one as Said)

/** How long it is kept, in words. */
export function kept(one: DataClass, days: (n: number) => string): string {
  return [one.retention_days ? days(one.retention_days) : '', classSaid(one).retention_text]
    .filter(Boolean)
    .join(pause())
}

const runs: Record<string, string> = {
  raw_fix: 'a day of raw positions',
  track: 'archived tracks past their time',
  fix_outside: 'positions of wrong clocks, or sent too late',
  playback: 'records of playbacks',
  track_export: 'records of exports',
  patrol_walk: 'cells that were walked',
  signature: 'signatures of days that are no longer compared',
  phone_use: 'which phone reported for whom',
  doubt: 'places in the evidence of closed doubts',
}

/** What a run of retention removed, as the system says it. */
export const removed = (run: Pick<RetentionRun, 'class' | 'detail'>): string =>
  (locale() === 'en' && runs[run.class]) || (run.detail ?? '')

const units: Record<string, string> = {
  个定位点: 'positions',
  次在岗: 'stretches of duty',
  天: 'days',
  次走访: 'visits',
  条: 'records',
  次查看: 'looks',
  个账号: 'accounts',
  张: 'photos',
  次: 'times',
  台: 'devices',
}
export const unitName = (unit: string): string => (locale() === 'en' && units[unit]) || unit
