import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { constants, gzipSync } from 'node:zlib'
import type { Plugin } from 'vite'

const packable = /\.(html|js|mjs|css|svg|json|webmanifest|txt)$/

/** Empties dist before a build but keeps what git keeps: the placeholder that lets `go build` work without node. */
export function sweep(dist: string, keep: string[]): Plugin {
  return {
    name: 'gridward-sweep',
    apply: 'build',
    buildStart() {
      if (!existsSync(dist)) return
      for (const name of readdirSync(dist)) if (!keep.includes(name)) rmSync(join(dist, name), { recursive: true })
    },
  }
}

/** Writes a .gz beside every text file, so that the server never compresses the same bytes twice. */
export function precompress(dist: string): Plugin {
  const walk = (dir: string): void => {
    for (const name of readdirSync(dir)) {
      const path = join(dir, name)
      if (statSync(path).isDirectory()) walk(path)
      else if (packable.test(name)) {
        const raw = readFileSync(path)
        const packed = gzipSync(raw, { level: constants.Z_BEST_COMPRESSION })
        if (raw.length > 1024 && packed.length < raw.length * 0.9) writeFileSync(`${path}.gz`, packed)
      }
    }
  }
  return {
    name: 'gridward-precompress',
    apply: 'build',
    closeBundle: { sequential: true, order: 'post', handler: () => void (existsSync(dist) && walk(dist)) },
  }
}
