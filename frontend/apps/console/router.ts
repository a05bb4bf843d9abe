import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import { places } from './places'

const routes: RouteRecordRaw[] = [
  ...places.map(place => ({ name: place.name, path: place.path, component: place.page }) as RouteRecordRaw),
  { name: 'home', path: '/:rest(.*)*', component: () => import('./pages/HomePage.vue') },
]

export const router = createRouter({ history: createWebHistory('/console/'), routes })
