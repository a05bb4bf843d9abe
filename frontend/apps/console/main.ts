import '@core/ui/tokens.css'
import './console.css'
import { locale } from '@core/i18n/t'
import { createApp } from 'vue'
import App from './App.vue'
import { look } from './look'
import { router } from './router'

document.documentElement.lang = locale()
document.documentElement.dataset.look = look.value
createApp(App).use(router).mount('#app')
