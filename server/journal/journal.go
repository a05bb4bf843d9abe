// Package journal is the numbered record of a region: what was decided, by
// whom, in an order without gaps, each entry holding the hash of the one
// before.
//
// The number comes from updating the region's row inside the transaction of
// the change itself, taken last, so that nobody can read entry n+1 before
// entry n is there. The hash covers a digest of the body, not the body: a
// body's personal text can be erased by law without breaking the chain.
package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"
)

// Entry is one line of a region's journal: the row, and what a screen receives.
type Entry struct {
	Region  int64           `json:"region"`
	Seq     int64           `json:"seq"` // 1, 2, 3, … without gaps
	At      time.Time       `json:"at"`  // the server's clock, microseconds, UTC
	Kind    string          `json:"kind"`
	Subject string          `json:"subject"`
	OrgPath string          `json:"-"` // the organisation it happened to: decides who sees it
	Parties []string        `json:"-"` // other organisations' paths that see it too
	Actor   int64           `json:"actor,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"` // nil after erasure
	Digest  [32]byte        `json:"-"`
	Prev    [32]byte        `json:"-"`
	Hash    [32]byte        `json:"-"`
}

// About makes an entry that has no number yet, with body as its JSON.
func About(kind, subject, orgPath string, actor int64, body any) (Entry, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return Entry{}, fmt.Errorf("write the journal entry %s: %w", kind, err)
	}
	return Entry{Kind: kind, Subject: subject, OrgPath: orgPath, Actor: actor, Body: b}, nil
}

// Seal numbers the entry seq, dates it, and chains it after prev. Body must be
// final: it is digested here.
func (e Entry) Seal(seq int64, at time.Time, prev [32]byte) Entry {
	e.Seq, e.At, e.Prev = seq, at.UTC().Truncate(time.Microsecond), prev
	e.Digest = sha256.Sum256(e.Body)
	e.Hash = e.sum()
	return e
}

// sum is the hash of everything but the body: SHA-256 over the fields in
// order, strings and lists preceded by their length as u32 big endian.
func (e Entry) sum() [32]byte {
	h := sha256.New()
	h.Write(e.Prev[:])
	number := func(n int64) { _ = binary.Write(h, binary.BigEndian, n) }
	text := func(s string) {
		_ = binary.Write(h, binary.BigEndian, uint32(len(s)))
		h.Write([]byte(s))
	}
	number(e.Region)
	number(e.Seq)
	number(e.At.UnixMicro())
	text(e.Kind)
	text(e.Subject)
	text(e.OrgPath)
	_ = binary.Write(h, binary.BigEndian, uint32(len(e.Parties)))
	for _, p := range e.Parties {
		text(p)
	}
	number(e.Actor)
	h.Write(e.Digest[:])
	return [32]byte(h.Sum(nil))
}

// Verify checks the entry against the one before: number, link, hash, and the
// body's digest where the body is still there.
func (e Entry) Verify(prevSeq int64, prev [32]byte) error {
	switch {
	case e.Seq != prevSeq+1:
		return fmt.Errorf("journal of region %d: entry %d follows %d", e.Region, e.Seq, prevSeq)
	case e.Prev != prev:
		return fmt.Errorf("journal of region %d: entry %d does not link to %d", e.Region, e.Seq, prevSeq)
	case e.sum() != e.Hash:
		return fmt.Errorf("journal of region %d: entry %d was changed", e.Region, e.Seq)
	case e.Body != nil && sha256.Sum256(e.Body) != e.Digest:
		return fmt.Errorf("journal of region %d: the body of entry %d was changed", e.Region, e.Seq)
	}
	return nil
}
