import { ApiError, faultsOf, sentenceOf } from '@core/api/client'
import { describe, expect, it } from 'vitest'

describe('what went wrong, in a sentence', () => {
  const fields = [
    { location: 'body.purpose', message: '请写明用途' },
    { location: 'body.to', message: '不超过一天' },
  ]
  it.each<[string, unknown, string, string]>([
    ['the server’s own', new ApiError(409, 'conflict', '已被他人处理'), '已被他人处理', '已被他人处理'],
    [
      'each field that is to blame',
      new ApiError(422, 'invalid', '请检查填写内容', null, fields),
      '请检查填写内容',
      '请写明用途；不超过一天',
    ],
    ['an error of the page itself', new Error('两次输入不一致'), '两次输入不一致', '两次输入不一致'],
    ['something that is no error', 'gone', 'gone', 'gone'],
  ])('%s', (_, error, sentence, faults) => {
    expect(sentenceOf(error)).toBe(sentence)
    expect(faultsOf(error)).toBe(faults)
  })
})
