// Package migrations holds the schema of Gridward's database, one numbered SQL
// file per step, forward only. The files run in order under one lock; River's
// own tables follow them (see server/postgres).
package migrations

import "embed"

// FS holds the numbered SQL files.
//
//go:embed *.sql
var FS embed.FS
