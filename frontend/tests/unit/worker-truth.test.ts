import { describe, expect, it } from 'vitest'
import { type Facts, type Truth, truth } from '../../apps/worker/truth'

const now = 10_000_000
const quiet: Facts = {
  now,
  localDuty: false,
  watching: false,
  hidden: false,
  fixAt: null,
  watchingSince: null,
  geoTrouble: null,
  server: { tracked: false, session: false, sos: false, lastFixAt: null },
  sos: false,
  unsent: 0,
  offline: false,
}
const onDuty: Facts = { ...quiet, localDuty: true, watching: true, watchingSince: now - 600_000, fixAt: now - 4_000 }
const tracked = { tracked: true, session: true, sos: false, lastFixAt: now - 10_000 }

const table: [string, Facts, boolean, Truth['why']][] = [
  ['off duty is not recorded', quiet, false, 'off'],
  [
    'off duty, server silent, is not recorded here and says that more is unknown',
    { ...quiet, server: null },
    false,
    'off.unknown',
  ],
  ['off duty with records still to be sent', { ...quiet, unsent: 3 }, false, 'off.unsent'],
  ['on duty with positions coming', onDuty, true, 'duty'],
  [
    'on duty without network is recorded all the same',
    { ...onDuty, offline: true, server: null },
    true,
    'duty.offline',
  ],
  ['just begun', { ...onDuty, fixAt: null, watchingSince: now - 5_000 }, true, 'waiting'],
  ['begun, and no position ever came', { ...onDuty, fixAt: null, watchingSince: now - 60_000 }, false, 'silent'],
  ['the phone fell silent', { ...onDuty, fixAt: now - 120_000 }, false, 'silent'],
  [
    'a timeout alone is no failure while the last position is fresh',
    { ...onDuty, geoTrouble: 'timeout' },
    true,
    'duty',
  ],
  ['location refused', { ...onDuty, fixAt: null, geoTrouble: 'denied' }, false, 'denied'],
  [
    'location refused on a page that could not even watch',
    { ...quiet, localDuty: true, geoTrouble: 'insecure' },
    false,
    'insecure',
  ],
  ['no position to be had', { ...onDuty, fixAt: now - 120_000, geoTrouble: 'unavailable' }, false, 'unavailable'],
  ['in the background nothing is recorded', { ...onDuty, hidden: true }, false, 'hidden'],
  ['in the background while another device reports', { ...onDuty, hidden: true, server: tracked }, true, 'other'],
  [
    'this phone is refused but another device reports',
    { ...onDuty, fixAt: null, geoTrouble: 'denied', server: tracked },
    true,
    'other',
  ],
  ['another device is on duty', { ...quiet, server: tracked }, true, 'other'],
  [
    'a shift covers the devices although nothing came yet',
    { ...quiet, server: { ...tracked, session: false, lastFixAt: null } },
    true,
    'other',
  ],
  ['an SOS off duty is recorded', { ...onDuty, localDuty: false, sos: true }, true, 'sos'],
  [
    'an SOS known to the server only',
    { ...onDuty, localDuty: false, server: { ...quiet.server!, sos: true } },
    true,
    'sos',
  ],
]

describe('the one truth', () => {
  it.each(table)('%s', (_sentence, facts, recording, why) => {
    const said = truth(facts)
    expect([said.recording, said.why]).toEqual([recording, why])
    expect(said.tone === 'on').toBe(said.recording) // colour and words never disagree
  })

  it('never says "not recording" while the page holds a fresh position on duty', () => {
    for (const offline of [true, false])
      for (const unsent of [0, 9])
        for (const geoTrouble of [null, 'timeout', 'unavailable', 'denied'] as const)
          for (const server of [null, quiet.server, tracked])
            expect(truth({ ...onDuty, offline, unsent, geoTrouble, server }).recording).toBe(true)
  })
})
