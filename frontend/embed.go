// Package frontend carries the built pages inside the binary: the wall
// (/screen), the supervisor's console (/console/) and the worker's page (/m/),
// all made by `npm run build` in this folder. Without node only a placeholder
// page is embedded, so that the Go side always builds.
//
// Handler serves them the way they were built to be served: hashed files are
// immutable, pages are never cached, texts were compressed at build time, and
// the content security policy lets nothing in from outside.
package frontend

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files is the built tree, rooted at dist.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // "dist" is a constant that go:embed has checked
	}
	return files
}
