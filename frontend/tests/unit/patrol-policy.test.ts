import { changed, defaults, draftOf, fieldsOf, paramsOf } from '@core/patrol/policy'
import { rules } from '@core/patrol/shape'
import { describe, expect, it } from 'vitest'

describe('a policy in an editor', () => {
  it.each(rules)('%s comes back as it went, when nobody touched it', rule => {
    const given = Object.fromEntries(fieldsOf(rule).map(field => [field.key, defaults[field.key]]))
    expect(paramsOf(rule, draftOf(rule, given))).toEqual(given)
  })
  it('people write minutes, the server counts seconds', () => {
    const draft = draftOf('half_day_quota', {})
    expect(draft.half_day_s).toBe(120)
    expect(draft.gap_max_s).toBe(120) // a gap is in seconds, to people too
    draft.half_day_s = 90
    draft.dwell_s = 2.5
    expect(paramsOf('half_day_quota', draft)).toMatchObject({ half_day_s: 5400, dwell_s: 150 })
  })
  it('says only what its kind reads', () => {
    expect(Object.keys(paramsOf('weekly_sweep', { target_pct: 90, required: 5 }))).toEqual(['target_pct'])
  })
  it('a cleared field is not said: the default holds', () => {
    expect(paramsOf('twice_daily', { required: null })).toEqual({})
  })
  it('names what differs from the default', () => {
    expect(changed('half_day_quota', {})).toEqual([])
    expect(changed('half_day_quota', { required: 3, buffer_m: 50, purposes: ['patrol'] }).map(one => one.key)).toEqual([
      'purposes',
      'buffer_m',
    ])
    expect(changed('twice_daily', { required: 0 })).toEqual([])
  })
})
