import base from './playwright.config.ts'

// SOAK_MINUTES says how long; `npm run soak` asks for ten.
export default {
  ...base,
  projects: undefined,
  testDir: './tests/soak',
  timeout: (Number(process.env.SOAK_MINUTES ?? 10) + 5) * 60_000,
}
