import { fileURLToPath, URL } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'
import { precompress } from './build/plugins.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const backend = process.env.GRIDWARD_DEV_SERVER ?? 'http://127.0.0.1:8080'

// The worker's page (/m/), built on its own because its service worker's scope
// is /m/. Runs after vite.config.ts, which has swept dist.
export default defineConfig({
  root: here('./apps/worker'),
  base: '/m/',
  publicDir: false,
  plugins: [vue(), precompress(here('./dist/m'))],
  resolve: { alias: { '@core': here('./core') } },
  worker: { format: 'es' },
  build: {
    target: 'chrome110',
    outDir: here('./dist/m'),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { port: 5174, fs: { allow: [here('.')] }, proxy: { '/api': backend, '/tiles': backend, '/fonts': backend } },
})
