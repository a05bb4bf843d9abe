package desk

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/deadline"
	"github.com/gridward/gridward/server/dispatch"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
)

// keepYears is for how long an archived case is kept.
const keepYears = 10

// packed is what an archive package holds: all that is known of a case, and
// its record with the hashes that chain it, so that it can be verified without
// this program.
type packed struct {
	Format   string            `json:"format"` // gridward.archive/1
	Number   string            `json:"number"`
	At       time.Time         `json:"at"`
	Incident incident.Incident `json:"incident"`
	Orders   []dispatch.Order  `json:"orders"`
	postgres.CaseFile
	Clocks  []incident.Countdown `json:"clocks"`
	Photos  []packedPhoto        `json:"photos"`
	Journal []packedEntry        `json:"journal"`
}

type packedPhoto struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	SHA256 string `json:"sha256"`
}

type packedEntry struct {
	journal.Entry
	Prev string `json:"prev"`
	Hash string `json:"hash"`
}

// archive seals a closed case: everything about it as one gzipped JSON
// document, with its SHA-256 in the row and in the record.
func (d *Desk) archive(ctx context.Context, tx pgx.Tx, f *file) error {
	f.with.ArchiveAfter = d.archiveAfter
	next, done, err := f.inc.Apply(incident.Archive, incident.Deed{}, f.by, f.with, f.now)
	if err != nil {
		return err
	}
	p := packed{Format: "gridward.archive/1", Number: "DA-" + next.CaseNo, At: f.now, Orders: f.orders, Photos: []packedPhoto{}}
	if p.CaseFile, err = postgres.ReadCaseFile(ctx, tx, next.ID); err != nil {
		return err
	}
	if p.Clocks, err = postgres.ClocksOf(ctx, tx, next.ID); err != nil {
		return err
	}
	if p.Clocks, err = postgres.ClocksOf(ctx, tx, next.ID); err != nil {
		return err
	}
	entries, err := postgres.ReadJournalOf(ctx, tx, next.ID.String(), 10_000)
	if err != nil {
		return err
	}
	for _, e := range entries {
		p.Journal = append(p.Journal, packedEntry{e, fmt.Sprintf("%x", e.Prev), fmt.Sprintf("%x", e.Hash)})
	}
	photos, err := postgres.PhotoDigests(ctx, tx, next.ID)
	if err != nil {
		return err
	}
	for _, ph := range photos {
		p.Photos = append(p.Photos, packedPhoto{ph.ID.String(), ph.Kind, fmt.Sprintf("%x", ph.SHA256)})
	}
	p.Incident = next
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write the archive package: %w", err)
	}
	var pack bytes.Buffer
	zip := gzip.NewWriter(&pack)
	if _, err := zip.Write(text); err != nil {
		return fmt.Errorf("pack the archive: %w", err)
	}
	if err := zip.Close(); err != nil {
		return fmt.Errorf("pack the archive: %w", err)
	}
	sum := sha256.Sum256(text)
	if err := postgres.InsertArchive(ctx, tx, next.ID, next.Region, f.now, p.Number, f.now.AddDate(keepYears, 0, 0), sum[:], len(text), pack.Bytes()); err != nil {
		return err
	}
	f.inc, f.done = next, done
	f.done.Note = p.Number + " SHA-256 " + fmt.Sprintf("%x", sum)
	_, err = d.conclude(ctx, tx, f)
	return err
}

// KeepPastCases has the cases of a past that was written beside the doors end
// by themselves as others do.
func (d *Desk) KeepPastCases(ctx context.Context, visits []postgres.PastVisit) error {
	return d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		for i := range visits {
			c := visits[i].Case
			if c == nil {
				continue
			}
			job := deadline.Case{Incident: c.ID, State: c.State}
			var at time.Time
			switch incident.State(c.State) {
			case incident.Closed:
				job.Since, at = *c.Closed, c.Closed.Add(d.archiveAfter)
			case incident.Evaluating:
				job.Since, at = *c.Checked, c.Checked.AddDate(0, 0, 7)
			default:
				continue
			}
			if err := deadline.InsertAt(ctx, tx, job, at); err != nil {
				return err
			}
		}
		return nil
	})
}
