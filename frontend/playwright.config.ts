import { defineConfig } from '@playwright/test'

// The browser tests start bin/gridward themselves (tests/e2e/house.ts) and draw
// with SwiftShader, so they need no GPU. They never assert frame rates: those
// say something about the machine, not about the page.
export default defineConfig({
  testDir: './tests/e2e',
  outputDir: './test-results',
  fullyParallel: false,
  // a house of its own for each page: what one leaves behind (a duty, a call for help) is no other's
  projects: [
    'assess',
    'console',
    'desk',
    'detour',
    'doubts',
    'loop',
    'patrol',
    'playback',
    'tasks',
    'visits',
    'wall',
    'worker',
  ].map(name => ({
    name,
    testMatch: `${name}.spec.ts`,
  })),
  workers: 1,
  // software drawing on a busy machine: once more in a fresh house, and the list says that it was flaky
  retries: process.env.CI ? 1 : 0,
  timeout: 120_000,
  expect: { timeout: 30_000 },
  reporter: [['list']],
  use: {
    viewport: { width: 1920, height: 1080 },
    locale: 'zh-CN',
    timezoneId: 'Asia/Shanghai',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--use-gl=angle',
        '--use-angle=swiftshader',
        '--enable-unsafe-swiftshader',
        '--ignore-gpu-blocklist',
        '--force-color-profile=srgb',
      ],
    },
  },
})
