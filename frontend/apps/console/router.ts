import type { Power } from '@core/api/types'
import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import type { ConsoleKey } from './texts'

export interface Place {
  name: string
  path: string
  title: ConsoleKey
  /** Any of these; none means everybody who is signed in. */
  powers: Power[]
  page: () => Promise<unknown>
}

/** The table that the menu and the router read. */
export const places: readonly Place[] = [
  {
    name: 'incidents',
    path: '/incidents',
    title: 'nav.incidents',
    powers: ['see_map'],
    page: () => import('./pages/IncidentsPage.vue'),
  },
  {
    name: 'tracks',
    path: '/tracks',
    title: 'nav.tracks',
    powers: ['see_track'],
    page: () => import('./pages/TracksPage.vue'),
  },
  {
    name: 'records',
    path: '/access-records',
    title: 'nav.records',
    powers: ['see_track', 'see_audit'],
    page: () => import('./pages/AccessRecordsPage.vue'),
  },
  {
    name: 'devices',
    path: '/devices',
    title: 'nav.devices',
    powers: ['see_devices'],
    page: () => import('./pages/DevicesPage.vue'),
  },
  {
    name: 'quarantine',
    path: '/quarantine',
    title: 'nav.quarantine',
    powers: ['see_devices'],
    page: () => import('./pages/QuarantinePage.vue'),
  },
  {
    name: 'kiosks',
    path: '/kiosks',
    title: 'nav.kiosks',
    powers: ['pair_kiosk'],
    page: () => import('./pages/KiosksPage.vue'),
  },
  {
    name: 'accounts',
    path: '/accounts',
    title: 'nav.accounts',
    powers: ['manage_users'],
    page: () => import('./pages/AccountsPage.vue'),
  },
  {
    name: 'orgs',
    path: '/orgs',
    title: 'nav.orgs',
    powers: ['see_map', 'manage_users', 'see_devices', 'see_audit'],
    page: () => import('./pages/OrgsPage.vue'),
  },
]

const routes: RouteRecordRaw[] = [
  ...places.map(place => ({ name: place.name, path: place.path, component: place.page }) as RouteRecordRaw),
  { name: 'home', path: '/:rest(.*)*', component: () => import('./pages/HomePage.vue') },
]

export const router = createRouter({ history: createWebHistory('/console/'), routes })
