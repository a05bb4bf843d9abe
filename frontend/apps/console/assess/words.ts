// The dictionary of measures and the names of the plans that come with the
// program, in another language than the server's. In Chinese, for a measure of a
// newer server, and for what a house has named itself, its own words stand.
import { locale } from '@core/i18n/t'
import type { Measure } from './model'

type Words = Pick<Measure, 'name' | 'explain'>

const ofCases = (whose: string): Record<string, Words> => ({
  on_time: {
    name: `${whose}Closed on time`,
    explain:
      'Of the cases whose limit (extensions included) ends in the period, those closed within it; suspended, not admitted, merged, void and drill cases are left out',
  },
  closed: {
    name: `${whose}Closed`,
    explain:
      'Of the cases whose limit ends in the period, those closed; suspended, not admitted, merged, void and drill cases are left out',
  },
  rework: {
    name: `${whose}Rework rate`,
    explain: 'Of the cases closed in the period after a check, those reworked at least once; the score is 1 − rate',
  },
  satisfied: {
    name: `${whose}Satisfaction`,
    explain:
      'Of the cases closed in the period and rated, those rated very satisfied or satisfied; defaults do not count',
  },
})
const prefixed = (prefix: string, whose = ''): Record<string, Words> =>
  Object.fromEntries(Object.entries(ofCases(whose)).map(([code, words]) => [`${prefix}_${code}`, words]))

const measures: Record<string, Words> = {
  ...prefixed('grid'),
  ...prefixed('dept'),
  info_complete: {
    name: 'Information complete',
    explain:
      'Of the items a grid must know (the three musts), those gathered; a street that never gathered any is left out',
  },
  info_timely: { name: 'Information up to date', explain: 'Of the items gathered, those renewed within their cycle' },
  quota: {
    name: 'Patrol quota met',
    explain:
      "Half-days that count in the period's weeks (no more than the quota) ÷ half-days required; exempt weeks are left out",
  },
  object_coverage: {
    name: 'Due objects visited',
    explain: 'Of the visit objects due in the period, those visited',
  },
  visit_validity: {
    name: 'Visits that hold',
    explain:
      'Of the visits in the period, those that a person found untrue (rejected); the score is 1 − share. A hint of doubt that nobody has decided changes nothing',
  },
  grid_self: {
    name: 'Solved by the grid',
    explain: 'Of the tier 1 (grid) cases whose limit ends in the period, those closed; suspended ones are left out',
  },
  grids_linked: {
    name: 'Mean of linked grids',
    explain: 'Mean score of the execution grids linked to the guide for half of the period',
  },
  onsite_days: {
    name: 'Days on site',
    explain: 'Days with a duty in the period ÷ the target; left out for who has never been on duty',
  },
  reported_closed: {
    name: 'Problems found and solved',
    explain:
      'Of the cases reported by the person whose limit ends in the period, those closed; suspended ones are left out',
  },
  grids_mean: {
    name: 'Mean of its grids',
    explain: 'Mean score of the execution grids in force for half of the period',
  },
  sign_rate: {
    name: 'Signed in time',
    explain:
      'Of the tier 3 lead orders to be signed in the period, those signed the same day (within the limit); withdrawn, reassigned, waived and rightly returned ones are left out',
  },
  wrong_return: {
    name: 'Wrong returns',
    explain:
      'Of the tier 3 lead orders in the period, those returned by the department and sent to it again; the score is 1 − share',
  },
  grid_rating: {
    name: 'Rating by the grids',
    explain: "Of the communities' ratings of the department's check-ins, those satisfied or better (whistles)",
  },
  marks: { name: 'Marks', explain: 'Mean of what inspectors gave out of 100, each mark with its reason' },
}

const plans: Record<string, string> = {
  信息采集: 'Information',
  信息完整率: 'Complete',
  及时更新率: 'Up to date',
  走访巡查: 'Patrols and visits',
  走访定额达成率: 'Quota met',
  重点对象走访率: 'Due objects visited',
  走访真实性: 'Visits that hold',
  事件处置: 'Cases',
  按期办结率: 'Closed on time',
  自处率: 'Solved by the grid',
  返工率: 'Rework rate',
  群众满意率: 'Satisfaction',
  挂钩网格: 'Linked grids',
  挂钩网格均分: 'Mean of linked grids',
  本人履职: 'Own duty',
  到岗天数: 'Days on site',
  发现问题解决率: 'Problems solved',
  所辖网格: 'Its grids',
  所辖网格均分: 'Mean of its grids',
  受理: 'Taking over',
  受理率: 'Signed in time',
  办结: 'Closing',
  质量: 'Quality',
  网格满意率: 'Rating by the grids',
  不当退回率: 'Wrong returns',
  优秀: 'Excellent',
  良好: 'Good',
  合格: 'Sufficient',
  不合格: 'Insufficient',
}

const english = (): boolean => locale() === 'en'

/** The measure in the page's language. */
export const measured = (one: Measure): Measure => (english() ? { ...one, ...measures[one.code] } : one)

/** The name of a dimension, an item or a grade. */
export const named = (name: string): string => (english() && plans[name]) || name
