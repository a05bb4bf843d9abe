import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const files = ['apps', 'core', 'tests'].flatMap(dir =>
  readdirSync(join(root, dir), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && /\.(ts|vue|css)$/.test(entry.name))
    .map(entry => join(entry.parentPath, entry.name)),
)

// What server/house_test.go asks of Go is asked here of the front end.
describe('the house', () => {
  it('is looked at', () => {
    expect(files.length).toBeGreaterThan(300)
  })
  it('has no file of 600 lines: it tells two stories, give each a file', () => {
    expect(files.filter(path => readFileSync(path, 'utf8').split('\n').length > 600)).toEqual([])
  })
})
