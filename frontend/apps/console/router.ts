import type { Power } from '@core/api/types'
import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import type { ConsoleKey } from './texts'

export type Group = 'work' | 'watch' | 'insight' | 'rules' | 'system'
export const groups: readonly Group[] = ['work', 'watch', 'insight', 'rules', 'system']

export interface Place {
  name: string
  path: string
  title: ConsoleKey
  group: Group
  /** Any of these; none means everybody who is signed in. */
  powers: Power[]
  page: () => Promise<unknown>
  /** Reached from another page, under whose name the menu shows it. */
  under?: string
}

/** The table that the menu and the router read. */
export const places: readonly Place[] = [
  {
    name: 'desk',
    path: '/desk',
    title: 'nav.desk',
    group: 'work',
    powers: ['see_map'],
    page: () => import('./pages/DeskPage.vue'),
  },
  {
    name: 'incidents',
    path: '/incidents',
    title: 'nav.incidents',
    group: 'work',
    powers: ['see_map'],
    page: () => import('./pages/IncidentsPage.vue'),
  },
  {
    name: 'case',
    path: '/incidents/:id',
    title: 'nav.incidents',
    group: 'work',
    powers: ['see_map', 'handle', 'check'],
    page: () => import('./pages/CasePage.vue'),
    under: 'incidents',
  },
  {
    name: 'intake',
    path: '/intake',
    title: 'nav.intake',
    group: 'work',
    powers: ['triage'],
    page: () => import('./pages/IntakePage.vue'),
  },
  {
    name: 'whistles',
    path: '/whistles',
    title: 'nav.whistles',
    group: 'work',
    powers: ['see_map', 'whistle'],
    page: () => import('./pages/WhistlesPage.vue'),
  },
  {
    name: 'whistle',
    path: '/whistles/:id',
    title: 'nav.whistles',
    group: 'work',
    powers: ['see_map', 'whistle'],
    page: () => import('./pages/WhistlePage.vue'),
    under: 'whistles',
  },
  {
    name: 'messages',
    path: '/messages',
    title: 'nav.messages',
    group: 'work',
    powers: ['see_map', 'dispatch', 'handle'],
    page: () => import('./pages/MessagesPage.vue'),
  },
  {
    name: 'watchlog',
    path: '/watch-log',
    title: 'nav.watchlog',
    group: 'watch',
    powers: ['watch_log'],
    page: () => import('./pages/WatchLogPage.vue'),
  },
  {
    name: 'alarms',
    path: '/alarms',
    title: 'nav.alarms',
    group: 'watch',
    powers: ['answer_alarm'],
    page: () => import('./pages/AlarmsPage.vue'),
  },
  {
    name: 'alarmdevices',
    path: '/alarm-devices',
    title: 'nav.alarmdevices',
    group: 'watch',
    powers: ['answer_alarm', 'see_devices'],
    page: () => import('./pages/AlarmDevicesPage.vue'),
  },
  {
    name: 'cameras',
    path: '/cameras',
    title: 'nav.cameras',
    group: 'watch',
    powers: ['see_video', 'see_devices'],
    page: () => import('./pages/CamerasPage.vue'),
  },
  {
    name: 'statistics',
    path: '/statistics',
    title: 'nav.statistics',
    group: 'insight',
    powers: ['see_statistic'],
    page: () => import('./pages/StatisticsPage.vue'),
  },
  {
    name: 'statistic-cases',
    path: '/statistics/cases',
    title: 'nav.statistics',
    group: 'insight',
    powers: ['see_statistic'],
    page: () => import('./pages/StatisticCasesPage.vue'),
    under: 'statistics',
  },
  {
    name: 'assess',
    path: '/assess',
    title: 'nav.assess',
    group: 'insight',
    powers: ['assess', 'inspect', 'see_statistic'],
    page: () => import('./pages/AssessPage.vue'),
  },
  {
    name: 'assess-period',
    path: '/assess/:id(\\d+)',
    title: 'nav.assess',
    group: 'insight',
    powers: ['see_map', 'handle'],
    page: () => import('./pages/AssessPeriodPage.vue'),
    under: 'assess',
  },
  {
    name: 'assess-score',
    path: '/assess/:id(\\d+)/:level/:subject(\\d+)',
    title: 'nav.assess',
    group: 'insight',
    powers: ['see_map', 'handle'],
    page: () => import('./pages/AssessScorePage.vue'),
    under: 'assess',
  },
  {
    name: 'assess-evidence',
    path: '/assess/:id(\\d+)/:level/:subject(\\d+)/evidence',
    title: 'nav.assess',
    group: 'insight',
    powers: ['see_map', 'handle'],
    page: () => import('./pages/AssessEvidencePage.vue'),
    under: 'assess',
  },
  {
    name: 'my-assess',
    path: '/my-assess',
    title: 'nav.my-assess',
    group: 'insight',
    powers: ['see_map', 'handle'],
    page: () => import('./pages/MyAssessPage.vue'),
  },
  {
    name: 'tracks',
    path: '/tracks',
    title: 'nav.tracks',
    group: 'insight',
    powers: ['see_track'],
    page: () => import('./pages/TracksPage.vue'),
  },
  {
    name: 'records',
    path: '/access-records',
    title: 'nav.records',
    group: 'insight',
    powers: ['see_track', 'see_audit'],
    page: () => import('./pages/AccessRecordsPage.vue'),
  },
  {
    name: 'calendars',
    path: '/calendars',
    title: 'nav.calendars',
    group: 'rules',
    powers: ['manage_rules'],
    page: () => import('./pages/CalendarsPage.vue'),
  },
  {
    name: 'sla',
    path: '/sla-rules',
    title: 'nav.sla',
    group: 'rules',
    powers: ['manage_rules'],
    page: () => import('./pages/SlaRulesPage.vue'),
  },
  {
    name: 'assess-templates',
    path: '/assess-templates',
    title: 'nav.assess-templates',
    group: 'rules',
    powers: ['assess', 'inspect'],
    page: () => import('./pages/AssessTemplatesPage.vue'),
  },
  {
    name: 'catalogue',
    path: '/catalogue',
    title: 'nav.catalogue',
    group: 'rules',
    powers: ['manage_rules'],
    page: () => import('./pages/CataloguePage.vue'),
  },
  {
    name: 'departments',
    path: '/departments',
    title: 'nav.departments',
    group: 'rules',
    powers: ['manage_rules', 'dispatch'],
    page: () => import('./pages/DepartmentsPage.vue'),
  },
  {
    name: 'channels',
    path: '/channels',
    title: 'nav.channels',
    group: 'rules',
    powers: ['manage_rules'],
    page: () => import('./pages/ChannelsPage.vue'),
  },
  {
    name: 'deliveries',
    path: '/deliveries',
    title: 'nav.deliveries',
    group: 'rules',
    powers: ['manage_rules'],
    page: () => import('./pages/DeliveriesPage.vue'),
  },
  {
    name: 'devices',
    path: '/devices',
    title: 'nav.devices',
    group: 'system',
    powers: ['see_devices'],
    page: () => import('./pages/DevicesPage.vue'),
  },
  {
    name: 'quarantine',
    path: '/quarantine',
    title: 'nav.quarantine',
    group: 'system',
    powers: ['see_devices'],
    page: () => import('./pages/QuarantinePage.vue'),
  },
  {
    name: 'kiosks',
    path: '/kiosks',
    title: 'nav.kiosks',
    group: 'system',
    powers: ['pair_kiosk'],
    page: () => import('./pages/KiosksPage.vue'),
  },
  {
    name: 'accounts',
    path: '/accounts',
    title: 'nav.accounts',
    group: 'system',
    powers: ['manage_users'],
    page: () => import('./pages/AccountsPage.vue'),
  },
  {
    name: 'orgs',
    path: '/orgs',
    title: 'nav.orgs',
    group: 'system',
    powers: ['see_map', 'manage_users', 'see_devices', 'see_audit'],
    page: () => import('./pages/OrgsPage.vue'),
  },
]

const routes: RouteRecordRaw[] = [
  ...places.map(place => ({ name: place.name, path: place.path, component: place.page }) as RouteRecordRaw),
  { name: 'home', path: '/:rest(.*)*', component: () => import('./pages/HomePage.vue') },
]

export const router = createRouter({ history: createWebHistory('/console/'), routes })
