// The shared texts in Chinese: the trade's own words, and the source of the keys.
export const zh = {
  'app.name': '网格指挥',

  'urgency.critical': '特急',
  'urgency.urgent': '紧急',
  'urgency.normal': '一般',
  'urgency.notice': '提示',

  'presence.online': '在线',
  'presence.idle': '停留',
  'presence.stale': '信号陈旧',
  'presence.offline': '离线',
  'presence.sos': '求助',

  'state.reported': '已上报',
  'state.accepted': '已受理',
  'state.dispatched': '已派遣',
  'state.signed': '已签收',
  'state.handling': '处置中',
  'state.feedback': '待核查',
  'state.closed': '已结案',
  'state.archived': '已归档',

  'role.grid_worker': '网格员',
  'role.grid_leader': '网格长',
  'role.grid_guide': '网格指导员',
  'role.station': '村(社区)社会服务管理站',
  'role.dept_clerk': '职能部门经办',
  'role.dept_head': '职能部门负责人',
  'role.operator': '指挥室值班员',
  'role.commander': '指挥长',
  'role.inspector': '联合督查组',
  'role.assessor': '考核管理员',
  'role.sysadmin': '系统管理员',
  'role.secadmin': '安全管理员',
  'role.auditor': '审计管理员',
  'role.kiosk': '大屏只读',
  'role.integration': '对接账号',

  'purpose.patrol': '巡查',
  'purpose.visit': '走访',
  'purpose.emergency': '应急',
  'purpose.event_task': '事件处置',
  'purpose.window': '窗口值守',

  'setting.urban': '城镇',
  'setting.rural': '农村',

  'link.connecting': '连接中',
  'link.live': '实时',
  'link.late': '数据延迟',
  'link.lost': '已断线',

  'unit.people': '人',
  'unit.cases': '件',
  'unit.households': '户',
  'ago.now': '刚刚',
  'ago.seconds': '{n} 秒前',
  'ago.minutes': '{n} 分钟前',
  'ago.hours': '{n} 小时前',
  'ago.days': '{n} 天前',

  'action.cancel': '取消',
  'action.close': '关闭',
  'action.confirm': '确定',
  'action.retry': '重试',
  'action.signin': '登录',
  'action.signout': '退出登录',

  'signin.login': '账号',
  'signin.password': '密码',
  'signin.wrong': '账号或密码不正确',
  'signin.locked': '尝试次数过多，请 {n} 秒后再试',

  'error.network': '网络不通，请检查连接',
  'error.denied': '没有权限',
  'error.missing': '没有找到',
  'error.busy': '系统繁忙，请稍后再试',
  'error.unknown': '出错了，请稍后再试',
} as const

export type SharedKey = keyof typeof zh
