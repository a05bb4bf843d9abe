import { existsSync } from 'node:fs'
import { fileURLToPath, URL } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'
import { precompress, sweep } from './build/plugins.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const dist = here('./dist')
const pages = ['screen', 'console'].filter(page => existsSync(here(`./apps/${page}/index.html`)))

// The Go server: `GRIDWARD_DEV_SERVER` points the dev server at another one.
const backend = process.env.GRIDWARD_DEV_SERVER ?? 'http://127.0.0.1:8080'

// The wall (/screen) and the supervisor's console (/console/), one multi-page
// build. The worker's page is a build of its own: its service worker must be
// scoped to /m/ and must never cache the wall.
export default defineConfig({
  root: here('./apps'),
  publicDir: here('./public'),
  plugins: [sweep(dist, ['placeholder.html']), vue(), precompress(dist)],
  resolve: { alias: { '@core': here('./core') } },
  worker: { format: 'es' },
  build: {
    target: 'chrome110',
    outDir: dist,
    emptyOutDir: false,
    assetsInlineLimit: 0, // the content security policy allows no data: fonts or scripts
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1200,
    rolldownOptions: { input: Object.fromEntries(pages.map(page => [page, here(`./apps/${page}/index.html`)])) },
  },
  server: {
    port: 5173,
    fs: { allow: [here('.')] },
    proxy: {
      '/api': backend,
      '/tiles': backend,
      '/ws': { target: backend, ws: true },
    },
  },
})
