import { describe, expect, it } from 'vitest'
import { type Fix, MemoryShelf, mostFixes, Outbox, wire } from '../../apps/worker/outbox'

const fix = (n: number): Fix => ({ at: new Date(1_000_000 + n * 1000).toISOString(), lon: 114.2, lat: 22.68 })

describe('the outbox', () => {
  it('gives nothing when nothing waits', async () => {
    expect(await new Outbox(new MemoryShelf(), 7).next()).toBeNull()
  })

  it('forgets a position only when it is acknowledged', async () => {
    const outbox = new Outbox(new MemoryShelf(), 7)
    await outbox.keep(fix(1))
    await outbox.keep(fix(2))
    const first = await outbox.next()
    const again = await outbox.next() // the answer was lost: the same batch goes again
    expect(again).toEqual(first)
    await outbox.keep(fix(3)) // came while the batch was on its way
    await outbox.acknowledged(first!)
    const rest = await outbox.next()
    expect(rest?.fixes.map(row => row.fix)).toEqual([fix(3)])
  })

  it('sends the oldest first and never more than the door takes', async () => {
    const outbox = new Outbox(new MemoryShelf(), 7)
    for (let n = 0; n < mostFixes + 3; n++) await outbox.keep(fix(n))
    const batch = await outbox.next()
    expect(batch?.fixes.length).toBe(mostFixes)
    expect(batch?.fixes[0]?.fix).toEqual(fix(0))
    await outbox.acknowledged(batch!)
    expect((await outbox.next())?.fixes.length).toBe(3)
  })

  it('sends a session when it begins and again when it ends, then forgets it', async () => {
    const outbox = new Outbox(new MemoryShelf(), 7)
    await outbox.start('a', 'patrol', '2026-01', 1_000)
    const begun = await outbox.next()
    expect(begun?.sessions.map(s => [s.id, s.ended_at])).toEqual([['a', null]])
    await outbox.acknowledged(begun!)
    expect(await outbox.next()).toBeNull()
    expect((await outbox.open())?.id).toBe('a') // still on duty
    expect(await outbox.end(9_000)).toBe(true)
    const ended = await outbox.next()
    expect(ended?.sessions[0]?.ended_at).toBe(new Date(9_000).toISOString())
    await outbox.acknowledged(ended!)
    expect(await outbox.next()).toBeNull()
    expect(await outbox.open()).toBeNull()
  })

  it('does not lose an end that was said while the start was on its way', async () => {
    const outbox = new Outbox(new MemoryShelf(), 7)
    await outbox.start('a', 'visit', '2026-01', 1_000)
    const onItsWay = await outbox.next()
    await outbox.end(2_000)
    await outbox.acknowledged(onItsWay!)
    expect((await outbox.next())?.sessions[0]?.ended_at).toBe(new Date(2_000).toISOString())
  })

  it('never ends a duty before it began, whatever the phone says of the time', async () => {
    const outbox = new Outbox(new MemoryShelf(), 7)
    await outbox.start('a', 'patrol', '2026-01', 5_000)
    await outbox.end(1_000)
    const session = (await outbox.next())!.sessions[0]!
    expect(Date.parse(session.ended_at!)).toBeGreaterThanOrEqual(Date.parse(session.started_at))
  })

  it('ends nothing when nobody is on duty', async () => {
    expect(await new Outbox(new MemoryShelf(), 7).end(1)).toBe(false)
  })

  it("keeps one person's records from another's session on the same phone", async () => {
    const shelf = new MemoryShelf()
    const [mine, hers] = [new Outbox(shelf, 7), new Outbox(shelf, 8)]
    await mine.start('a', 'patrol', '2026-01', 1_000)
    await mine.keep(fix(1))
    expect(await hers.next()).toBeNull()
    expect(await hers.open()).toBeNull()
    expect(await hers.unsent()).toEqual({ fixes: 0, sessions: 0 })
    expect(await mine.unsent()).toEqual({ fixes: 1, sessions: 1 })
  })

  it('speaks the native batch', async () => {
    const outbox = new Outbox(new MemoryShelf(), 7)
    await outbox.start('a', 'patrol', '2026-01', 1_000)
    await outbox.keep(fix(1))
    expect(wire((await outbox.next())!, 'm/1.0')).toEqual({
      client: 'm/1.0',
      sessions: [
        { id: 'a', purpose: 'patrol', started_at: '1970-01-01T00:00:01.000Z', ended_at: null, consent: '2026-01' },
      ],
      fixes: [fix(1)],
    })
  })
})
