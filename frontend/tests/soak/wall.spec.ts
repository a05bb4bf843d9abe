// A wall runs for months. Frames at twenty times the ordinary pace, cases and
// selections coming and going: the heap after a collection and the number of
// DOM nodes must stand still.
import { expect, test } from '../e2e/house'

const minutes = Number(process.env.SOAK_MINUTES ?? 10)

test('the wall does not grow', async ({ page, house }) => {
  await house.wall(page)
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('HeapProfiler.enable')
  await devtools.send('Performance.enable')
  const measure = async (): Promise<{ heap: number; nodes: number }> => {
    await devtools.send('HeapProfiler.collectGarbage')
    const { metrics } = await devtools.send('Performance.getMetrics')
    const of = (name: string): number => metrics.find(m => m.name === name)?.value ?? Number.NaN
    return { heap: of('JSHeapUsedSize'), nodes: of('Nodes') }
  }

  await page.evaluate(() => {
    const people = 2_000
    const { scene } = (
      window as unknown as { __wall: { scene: { fleet: { names(n: unknown[]): void; apply(f: unknown): void } } } }
    ).__wall
    const handle = (i: number): number => 1_000_000 + i
    scene.fleet.names(
      Array.from({ length: people }, (_, i) => ({
        h: handle(i),
        id: handle(i),
        name: `试${i}`,
        role: 'grid_worker',
        kind: 'person',
        org: 1,
        org_name: '试',
      })),
    )
    let seq = 0
    setInterval(() => {
      const view = new DataView(new ArrayBuffer(24 + 24 * people))
      for (let i = 0; i < people; i++) {
        const o = 24 + 24 * i
        const turn = (seq + i * 37) / 200
        view.setUint32(o, handle(i), true)
        view.setInt32(o + 4, Math.round((114.209 + 0.02 * Math.cos(turn)) * 1e7), true)
        view.setInt32(o + 8, Math.round((22.6875 + 0.012 * Math.sin(turn)) * 1e7), true)
        view.setUint16(o + 16, 120, true)
        view.setUint16(o + 18, (i * 13) % 36_000, true)
        view.setUint8(o + 20, 3)
        view.setUint16(o + 22, 60, true)
      }
      scene.fleet.apply({ kind: 1, snapshot: false, count: people, seq: ++seq, base: Date.now(), stride: 24, view })
    }, 50)
  })

  const operator = await house.as('operator')
  const start = Date.now()
  const end = start + minutes * 60_000
  const warm = start + Math.min(60_000, (end - start) / 3)
  let before: { heap: number; nodes: number } | null = null
  for (let i = 0; Date.now() < end; i++) {
    const answer = await operator.post('/api/v1/incidents', {
      data: {
        title: `巡查发现第 ${i} 处`,
        category: '',
        description: '',
        urgency: i % 2 ? 'normal' : 'notice',
        source: 'patrol',
        point: [114.209, 22.6875],
      },
    })
    expect(answer.status(), await answer.text()).toBe(201)
    await page.keyboard.press('Escape')
    await page.locator('.ticker .rest button').first().click()
    await page.waitForTimeout(2_000)
    if (!before && Date.now() > warm) {
      await page.keyboard.press('Escape')
      before = await measure()
    }
  }
  await page.keyboard.press('Escape')
  await page.waitForTimeout(15_000) // toasts and ripples end
  const after = await measure()
  console.log(
    `heap ${(before!.heap / 1e6).toFixed(1)} → ${(after.heap / 1e6).toFixed(1)} MB, nodes ${before!.nodes} → ${after.nodes} in ${minutes} min`,
  )
  expect(after.heap).toBeLessThan(before!.heap * 1.1 + 2e6)
  expect(after.nodes).toBeLessThan(before!.nodes * 1.3 + 500)
})
