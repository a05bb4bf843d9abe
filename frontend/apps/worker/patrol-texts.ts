// What the worker's own week says. Verdicts and reasons are in core/patrol, the
// same words as the supervisor reads.
import { texts } from '@core/i18n/t'

const zh = {
  'patrol.title': '我的巡查',
  'patrol.lead': '这一周走够了没有，哪些时间算、哪些不算、为什么。和管理台看到的一样。',
  'patrol.before': '上一周',
  'patrol.after': '下一周',
  'patrol.span': '{from} 至 {to}',
  'patrol.need': '本周要 {n} 个半天，每个 {m} 分钟',
  'patrol.have': '已有 {n} 个',
  'patrol.left': '还差 {n} 个',
  'patrol.enough': '够了',
  'patrol.exempt': '本周没有要求',
  'patrol.days': '工作日 {n} 天',
  'patrol.leave': '请假 {n} 个半天',
  'patrol.minutes': '{n} 分钟',
  'patrol.short': '差 {n} 分钟',
  'patrol.indoor': '其中入户走访算进 {n} 分钟',
  'patrol.none': '这半天没有记录',
  'patrol.why': '没有算进的时间',
  'patrol.nothing': '这一周还没有结果。今天的在当天滚动计算，昨天以前的夜里定稿。',
  'patrol.computed': '{at} 计算（{why}）',
  'patrol.wrong': '觉得不对？补登走访记录，或请站长核对；补传的定位到达后会自动重算，并写明改了什么。',
  'patrol.day': '{day} {name}',
}

const en: Record<keyof typeof zh, string> = {
  'patrol.title': 'My patrols',
  'patrol.lead': 'Was this week enough; what counts, what does not, and why. The console says the same.',
  'patrol.before': 'Week before',
  'patrol.after': 'Week after',
  'patrol.span': '{from} to {to}',
  'patrol.need': '{n} half-days this week, {m} min each',
  'patrol.have': '{n} so far',
  'patrol.left': '{n} to go',
  'patrol.enough': 'enough',
  'patrol.exempt': 'Nothing is asked this week',
  'patrol.days': '{n} working days',
  'patrol.leave': '{n} half-days of leave',
  'patrol.minutes': '{n} min',
  'patrol.short': '{n} min short',
  'patrol.indoor': '{n} min of it indoors on visits',
  'patrol.none': 'Nothing recorded',
  'patrol.why': 'What did not count',
  'patrol.nothing': 'No result yet. Today is computed as it goes, earlier days at night.',
  'patrol.computed': 'computed {at} ({why})',
  'patrol.wrong':
    'Not right? Record the visit, or ask your station. Late positions are computed again, and it says what changed.',
  'patrol.day': '{name} {day}',
}

export const tp = texts(zh, en)
