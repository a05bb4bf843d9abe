// The words of patrols, for the console and the worker's page: side by side, so
// that both say the same of the same.
import { type Book, locale } from '../i18n/t'

export const words = {
  'state.met': ['达标', 'Met'],
  'state.unmet': ['未达标', 'Not met'],
  'state.running': ['进行中', 'Under way'],
  'state.exempt': ['免考', 'Exempt'],
  'state.waiting': ['尚未计算', 'Not computed'],

  'half.am': ['上午', 'morning'],
  'half.pm': ['下午', 'afternoon'],
  'look.full': ['够时，算一个半天', 'enough: counts as a half-day'],
  'look.part': ['走了，时间不够', 'walked, not long enough'],
  'look.none': ['没有巡查', 'no patrol'],
  'look.leave': ['请假', 'on leave'],
  'look.rest': ['非工作日', 'no working day'],
  'look.ahead': ['还没到', 'still to come'],

  'why.ok': ['计入', 'counted'],
  'why.indoor': ['入户走访计入', 'counted: indoors on a visit'],
  'why.gap': ['定位中断', 'no position'],
  'why.inaccurate': ['定位精度不足', 'position too vague'],
  'why.mock': ['设备标记为模拟定位', 'marked as mock by the device'],
  'why.outlier': ['定位异常点', 'impossible position'],
  'why.outside': ['不在责任网格内', 'outside the assigned grid'],
  'why.no_grid': ['没有责任网格', 'no grid assigned'],
  'why.purpose': ['在岗事由不计入巡查', 'duty for another purpose'],
  'why.off_duty': ['离岗', 'off duty'],
  'why.window': ['不在计时时段', 'outside the hours that count'],
  'why.no_record': ['没有定位记录', 'nothing recorded'],

  'again.nightly': ['日终计算', 'end of day'],
  'again.running': ['当日滚动计算', 'the day goes on'],
  'again.late': ['补传定位到达', 'late positions arrived'],
  'again.visit': ['走访记录变动', 'a visit changed'],
  'again.leave': ['请假变动', 'leave changed'],
  'again.rule': ['巡查制度变动', 'the policy changed'],
  'again.grid': ['网格范围变更', 'the grid was drawn anew'],
  'again.beat': ['责任网格变更', 'the grid was given to somebody else'],
  'again.shift': ['排班变更', 'a shift changed'],
  'again.object': ['走访对象变动', 'whom to visit changed'],
  'again.visit_rule': ['走访规则变动', 'the rule on visits changed'],
  'again.calendar': ['工作日历变动', 'the calendar changed'],
  'again.days': ['所含日期重新计算', 'a day recomputed'],

  'outcome.normal': ['正常', 'met'],
  'outcome.no_one_home': ['未遇', 'nobody home'],
  'outcome.refused': ['拒访', 'refused'],
  'outcome.problem': ['发现问题', 'problem found'],

  'cover.area': ['面积', 'Area'],
  'cover.household': ['住户', 'Households'],
  'cover.object': ['到期对象', 'Due objects'],
  'cover.checkpoint': ['必巡点', 'Checkpoints'],
} satisfies Book

/** In the page's language; a code from a newer server is shown as it is. */
export function say(prefix: string, code: string): string {
  const pair = (words as Book)[`${prefix}.${code}`]
  return pair ? pair[locale() === 'en' ? 1 : 0] : code
}

/** What to do about time that did not count, to the person who walked. */
const advice: Book = {
  gap: [
    '这段时间没有定位。请保持本页打开、屏幕常亮；入户走访请登记走访记录，屋内时间就能计入。',
    'No position was heard. Keep the page open; indoors, record the visit and the time counts.',
  ],
  inaccurate: [
    '定位太粗（误差超过限值）。请走到开阔处，打开高精度定位。',
    'The position was too vague. Go into the open and switch high accuracy on.',
  ],
  mock: [
    '手机报告这是模拟定位。若没有用过模拟定位，请找管理员更正。',
    'The phone said the position was made up. If it was not, ask for a correction.',
  ],
  outlier: [
    '定位跳到了走不到的地方，跳变的点不算，其余照常。',
    'The position jumped to where nobody could be; those points do not count.',
  ],
  outside: [
    '人在责任网格（含边缘放宽）以外。若是被派去支援，请在说明里写明。',
    'You were outside your grid. If you were sent there, say so in an explanation.',
  ],
  no_grid: ['您名下没有责任网格，请找站长核对分工。', 'No grid is assigned to you: ask your station.'],
  purpose: [
    '这次在岗的事由不计入巡查（如窗口值班）。巡查走访时请选“巡查”或“走访”。',
    'This duty was for another purpose. Choose patrol or visit when you go out.',
  ],
  off_duty: ['这段时间离岗，不记录位置。', 'You were off duty: nothing is recorded.'],
  window: ['不在计时时段内。', 'Outside the hours that count.'],
}

export function adviceFor(why: string): string {
  const pair = advice[why]
  return pair ? pair[locale() === 'en' ? 1 : 0] : ''
}
