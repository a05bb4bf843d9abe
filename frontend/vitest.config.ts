import { fileURLToPath, URL } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [vue()],
  resolve: { alias: { '@core': fileURLToPath(new URL('./core', import.meta.url)) } },
  // tests/dom names happy-dom in a comment at the head of each file; the rest runs in plain node
  test: { include: ['tests/unit/**/*.test.ts', 'tests/dom/**/*.test.ts', 'apps/*/tests/**/*.test.ts'] },
})
