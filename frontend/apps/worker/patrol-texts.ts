// What the worker's own week says. Verdicts and reasons are in core/patrol, the
// same words as the supervisor reads.
import { type Book, texts } from '@core/i18n/t'

export const book = {
  'patrol.title': ['我的巡查', 'My patrols'],
  'patrol.lead': [
    '这一周走够了没有，哪些时间算、哪些不算、为什么。和管理台看到的一样。',
    'Was this week enough; what counts, what does not, and why. The console says the same.',
  ],
  'patrol.before': ['上一周', 'Week before'],
  'patrol.after': ['下一周', 'Week after'],
  'patrol.span': ['{from} 至 {to}', '{from} to {to}'],
  'patrol.need': ['本周要 {n} 个半天，每个 {m} 分钟', '{n} half-days this week, {m} min each'],
  'patrol.have': ['已有 {n} 个', '{n} so far'],
  'patrol.left': ['还差 {n} 个', '{n} to go'],
  'patrol.enough': ['够了', 'enough'],
  'patrol.waiting': [
    '尚未计算：已算 {n} / {m} 天，算完自动更新',
    'Not computed yet: {n} of {m} days; follows by itself',
  ],
  'patrol.exempt': ['本周没有要求', 'Nothing is asked this week'],
  'patrol.days': ['工作日 {n} 天', '{n} working days'],
  'patrol.leave': ['请假 {n} 个半天', '{n} half-days of leave'],
  'patrol.minutes': ['{n} 分钟', '{n} min'],
  'patrol.short': ['差 {n} 分钟', '{n} min short'],
  'patrol.indoor': ['其中入户走访算进 {n} 分钟', '{n} min of it indoors on visits'],
  'patrol.none': ['这半天没有记录', 'Nothing recorded'],
  'patrol.why': ['没有算进的时间', 'What did not count'],
  'patrol.nothing': [
    '这一周还没有结果。今天的在当天滚动计算，昨天以前的夜里定稿。',
    'No result yet. Today is computed as it goes, earlier days at night.',
  ],
  'patrol.computed': ['{at} 计算（{why}）', 'computed {at} ({why})'],
  'patrol.wrong': [
    '觉得不对？补登走访记录，或请站长核对；补传的定位到达后会自动重算，并写明改了什么。',
    'Not right? Record the visit, or ask your station. Late positions are computed again, and it says what changed.',
  ],
  'patrol.day': ['{day} {name}', '{name} {day}'],
} satisfies Book

export const tp = texts(book)
