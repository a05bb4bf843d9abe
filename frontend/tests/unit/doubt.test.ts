import { afterEach, describe, expect, it } from 'vitest'
import { setLocale } from '../../core/i18n/t'
import { explained, meaning, named, seen, told } from '../../core/patrol/doubt'

afterEach(() => setLocale('zh-CN'))

describe('the words of doubts', () => {
  const signal = {
    code: 'same_as_earlier_day',
    text: '与 2026-09-07 的轨迹重合 79 分钟',
    figures: { days: 1, seconds: 4794, metres: 3102, median_m: 0.4, percent: 57 },
  }
  it('says the server’s sentence in Chinese and the same figures in English', () => {
    expect(seen(signal)).toBe(signal.text)
    setLocale('en')
    expect(seen(signal)).toBe(
      "The same as 1 earlier day for up to 79 min and 3.1 km, 0.4 m apart in the median; 57 % of the day's positions",
    )
    expect(named(signal.code, '与往日轨迹重合')).toBe('Same as an earlier day')
    expect(meaning(signal.code, '…')).toContain('relative times')
    expect(explained({ mitigated: '走访登记为结伴', why: 'companions' })).toBe('declared companions of a visit')
  })
  it('keeps what a newer server says, and what people wrote', () => {
    setLocale('en')
    expect(seen({ code: 'from_tomorrow', text: '新的信号', figures: {} })).toBe('新的信号')
    const step = {
      id: 1,
      at: '',
      by: '赵一',
      verdict: '' as const,
      text: '手机送修',
      photos: [],
      score: 60,
      codes: ['mock'],
    }
    expect(told({ ...step, kind: 'explained', account: 7 })).toBe('手机送修')
    expect(told({ ...step, kind: 'raised', account: null })).toBe(
      'Raised by the system, 60 points: Mock location. Advice only; a person decides',
    )
  })
})
