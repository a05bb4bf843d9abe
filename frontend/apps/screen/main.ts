import '@core/ui/tokens.css'
import './screen.css'
import { locale } from '@core/i18n/t'
import { createApp } from 'vue'
import App from './App.vue'
import { wallKey } from './use-wall'
import { Wall } from './wall'

document.documentElement.lang = locale()
const wall = new Wall()
createApp(App).provide(wallKey, wall).mount('#app')
void wall.open()
