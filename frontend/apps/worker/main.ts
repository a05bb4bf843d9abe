import './worker.css'
import { locale } from '@core/i18n/t'
import { createApp } from 'vue'
import App from './App.vue'
import { Page } from './page'
import { pageKey } from './use-page'

document.documentElement.lang = locale()
const page = new Page()
createApp(App).provide(pageKey, page).mount('#app')
void page.open()
