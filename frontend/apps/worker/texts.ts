import { type Book, texts } from '@core/i18n/t'

export const book = {
  title: ['网格员工作页', 'Grid worker'],
  lang: ['EN', '中文'],
  'entry.lead': ['登录后上岗、上报位置、一键求助', 'Duty, positions, SOS'],
  'entry.again': ['登录已失效，请重新登录', 'Your session has ended, please sign in again'],
  'entry.kept': [
    '{n} 条定位保存在本机，登录后继续上传',
    '{n} positions are kept on this phone and will be sent after you sign in',
  ],
  'entry.busy': ['正在登录…', 'Signing in…'],
  opening: ['正在打开…', 'Opening…'],
  'nobody.title': ['这个账号没有对应的在册人员', 'This account belongs to no registered worker'],
  'nobody.text': [
    '本页只供网格员、网格长使用。管理请到管理台。',
    'This page is for grid workers and leaders. Supervisors use the console.',
  ],
  'nobody.console': ['打开管理台', 'Open the console'],

  'password.title': ['请先修改初始密码', 'Please change the initial password'],
  'password.old': ['原密码', 'Old password'],
  'password.new': ['新密码', 'New password'],
  'password.again': ['再输一遍新密码', 'New password again'],
  'password.rules': [
    '至少 10 个字符，含大写字母、小写字母、数字、其他字符中的三种，不含登录名',
    'At least 10 characters, three kinds of: upper case, lower case, digits, others; without the login name',
  ],
  'password.differ': ['两次输入的新密码不一致', 'The two new passwords differ'],
  'password.save': ['修改密码', 'Change password'],

  'truth.on': ['正在记录位置', 'Recording position'],
  'truth.off': ['未记录位置', 'Not recording'],
  'why.duty': ['在岗，本页正在发送位置', 'On duty: this page is sending your position'],
  'why.duty.offline': ['在岗，网络不通：先存在本机，联网后上传', 'On duty, no network: kept on this phone, sent later'],
  'why.sos': ['求助期间，位置持续发给指挥室', 'SOS open: your position goes to the command room'],
  'why.other': [
    '排班或其他设备在岗：发来的位置会被保存，本页没有发送',
    'A shift or another device: what it sends is stored. This page sends nothing',
  ],
  'why.waiting': ['在岗，正在等待手机给出第一个定位', 'On duty, waiting for the first position'],
  'why.hidden': ['页面在后台，记录已暂停', 'Page in the background: recording is paused'],
  'why.denied': [
    '在岗，但手机没有允许本页使用定位。请在系统设置里打开定位权限',
    'On duty, but this page may not use the location. Allow it in the settings',
  ],
  'why.unavailable': [
    '在岗，但手机暂时定不了位。请到开阔处，并打开定位服务',
    'On duty, but the phone finds no position. Go outdoors, switch location on',
  ],
  'why.insecure': ['本页不是 HTTPS，手机不会给出定位', 'This page is not HTTPS: the phone gives no position'],
  'why.unsupported': ['这个浏览器没有定位功能', 'This browser has no geolocation'],
  'why.silent': [
    '在岗，但手机已有一段时间没有给出新定位',
    'On duty, but the phone has given no new position for a while',
  ],
  'why.off': [
    '离岗，本页不取定位，服务器也不保存',
    'Off duty: this page asks for no position and the server stores none',
  ],
  'why.off.unsent': ['离岗。在岗期间的记录还在上传', 'Off duty. Records of your duty are still being sent'],
  'why.off.unknown': [
    '本页没有取定位；连不上服务器，其他设备的情况未知',
    'This page records nothing; the server cannot be reached, other devices are unknown',
  ],

  'fact.duty': ['本次在岗', 'On duty'],
  'fact.fix': ['最近定位', 'Last position'],
  'fact.sent': ['最近上传', 'Last sent'],
  'fact.unsent': ['待上传', 'To be sent'],
  'fact.today': ['今日已存', 'Stored today'],
  'fact.count': ['{n} 条', '{n}'],
  'fact.none': ['—', '—'],
  'fact.metres': ['±{n} 米', '±{n} m'],
  'duty.since': ['{purpose} · {at} 上岗', '{purpose} · since {at}'],
  'duty.hours': ['{h} 小时 {m} 分', '{h} h {m} min'],
  'duty.minutes': ['{m} 分钟', '{m} min'],
  'duty.choose': ['这次上岗做什么？', 'What is this duty for?'],
  'duty.start': ['上岗，开始记录位置', 'Start duty and recording'],
  'duty.end': ['离岗，停止记录', 'End duty, stop recording'],
  'duty.end.sure': ['现在离岗？', 'End duty now?'],
  'duty.end.text': [
    '离岗后本页停止取定位，服务器不再保存您的位置。',
    'This page stops asking for positions and the server stores none.',
  ],
  'duty.remote': ['{purpose}在岗由其他设备开始', '{purpose} duty was begun on another device'],
  'duty.takeover': ['用这部手机继续', 'Go on with this phone'],
  'duty.shift': ['排班 {from}–{to}', 'Shift {from}–{to}'],
  'duty.closed': [
    '在岗会话已被系统结束。仍在工作请重新上岗。',
    'The system has ended your duty. Start again if you are still working.',
  ],
  'consent.title': ['位置告知（{version} 版）', 'About your position (version {version})'],
  'consent.text': [
    '上岗后，本页在打开期间记录您的位置，用于网格巡查走访、应急调度和您的人身安全。离岗即停止，离岗期间不保存（一键求助除外）。谁查看过您的轨迹、为什么查看，您随时可以看到。',
    'On duty, while this page is open, your position is recorded for patrols, visits, dispatch and your safety. It stops when you end duty; nothing is stored off duty (but for an SOS). You can always see who looked at your track, and why.',
  ],
  'consent.agree': ['我已阅读并同意', 'I have read this and agree'],

  'pocket.open': ['口袋模式', 'Pocket mode'],
  'pocket.leave': ['按住屏幕退出', 'Hold to leave'],
  'pocket.on': ['记录中', 'Recording'],
  'pocket.off': ['未在记录', 'Not recording'],

  'note.gap': ['{from}–{to} 页面在后台，这段时间没有记录', '{from}–{to}: page in the background, nothing was recorded'],
  'note.awake': [
    '请保持本页打开、屏幕常亮：页面进入后台后记录会暂停',
    'Keep this page open and the screen on: in the background recording pauses',
  ],
  'note.insecure': [
    '请用 https:// 开头的地址打开本页，否则手机不会给出定位',
    'Open this page with https://, or the phone gives no position',
  ],
  'note.skew': [
    '手机时间与服务器相差 {n} 分钟，请校准手机时间',
    "This phone's clock is {n} min off, please correct it",
  ],
  'note.memory': [
    '浏览器不允许保存数据：关闭页面会丢失未上传的定位',
    'The browser keeps no data: closing the page loses unsent positions',
  ],
  'note.trouble': ['上传失败：{why}。会自动重试', 'Not sent: {why}. Trying again'],
  'note.offduty': ['{n} 条定位不在在岗时段内，服务器没有保存', '{n} positions were outside duty and not stored'],
  'note.server': ['连不上服务器：{why}', 'Server not reached: {why}'],

  'sos.hold': ['按住 1.5 秒求助', 'Hold 1.5 s for SOS'],
  'sos.holding': ['继续按住…', 'Keep holding…'],
  'sos.name': ['一键求助', 'SOS'],
  'sos.sending': ['正在发出求助…', 'Calling for help…'],
  'sos.retry': [
    '还没有发出去（第 {n} 次）：{why}。正在继续尝试，也请直接拨打电话',
    'Not out yet (try {n}): {why}. Trying on; please phone as well',
  ],
  'sos.open': ['求助已送达，等待指挥室响应', 'Your call has arrived, waiting for the command room'],
  'sos.acked': ['指挥室已响应，请保持本页打开', 'The command room has answered. Keep this page open'],
  'sos.closed': ['求助已由指挥室解除', 'The command room has closed the call'],
  'sos.since': ['{at} 发出 · 位置持续上报', 'Called {at} · your position is being sent'],
  'sos.call': ['拨打 110', 'Call 110'],
  'sos.ok': ['知道了', 'OK'],

  'records.title': ['谁看过我的轨迹', 'Who looked at my track'],
  'records.none': ['还没有人查看过您的轨迹', 'Nobody has looked at your track'],
  'records.day': ['{day} 的轨迹', 'Track of {day}'],
  'records.more': ['更多', 'More'],
  'records.purpose': ['事由：{why}', 'Purpose: {why}'],
  'records.hint': ['每一次查看都有记录，不能删除', 'Every look is recorded and cannot be deleted'],
  back: ['返回', 'Back'],
  leave: ['退出登录', 'Sign out'],
  'leave.first': ['请先离岗，再退出登录', 'End duty before signing out'],
} satisfies Book

export const t = texts(book)
