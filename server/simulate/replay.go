package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Source is a track and the device that it is sent as: one device a file.
type Source struct {
	Track    Track
	Ident    string
	Token    string
	Protocol string // native, osmand or owntracks
}

// ReplayOptions say how tracks are sent.
type ReplayOptions struct {
	Speed      float64 // 1 = as fast as it was recorded; 0 = as fast as it is acknowledged
	ShiftToNow bool    // move the track to the present, by a shift that the state file keeps
	State      string  // state file: shifts, and how far each track was acknowledged
	Batch      int     // fixes in a native request at most; default 100
	Sessions   bool    // report the duty sessions that cover a track
	Now        func() time.Time
}

// progress is what the state file keeps of one device's track.
type progress struct {
	File   string        `json:"file"`
	Digest string        `json:"sha256"`
	As     string        `json:"as"`
	Shift  time.Duration `json:"shift_ns"`
	Acked  int           `json:"acked"` // fixes from the front that need not be sent again
	Done   bool          `json:"done"`  // to the end; when all are, the next run sends all again
	Ended  int           `json:"ended"` // duty sessions from the front whose end was acknowledged
}

// Line is what became of one track.
type Line struct {
	Name, Ident      string
	Points           int            // that can be sent
	Insane           map[string]int // and those that cannot
	Resumed          int            // acknowledged in an earlier run
	Sent, Acked      int            // fixes in requests of this run, repeats included; acknowledged in this run
	Stored, Known    int            // what receipts said (native only)
	OffDuty, Refused int
	Retries          int
	Done             bool
	Err              error
}

// Replay sends tracks at their own pace until all of them are acknowledged.
type Replay struct {
	door   *Door
	o      ReplayOptions
	mu     sync.Mutex
	tracks []*replayed
	state  map[string]*progress // by ident
	dirty  bool
}

type replayed struct {
	Source
	p    *progress
	line Line
}

// NewReplay reads the state file if there is one, decides each track's shift,
// and writes the file before anything is sent: the shift must outlive us.
func NewReplay(door *Door, sources []Source, o ReplayOptions) (*Replay, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Batch <= 0 {
		o.Batch = 100
	}
	if o.Speed < 0 {
		return nil, fmt.Errorf("speed %g: want 0 or more", o.Speed)
	}
	r := &Replay{door: door, o: o, state: map[string]*progress{}}
	if err := r.load(); err != nil {
		return nil, err
	}
	again := true // all of them were sent to the end before: send them all once more
	for _, src := range sources {
		p := r.state[src.Ident]
		again = again && p != nil && p.Done
	}
	taken := map[string]bool{}
	for _, src := range sources {
		if taken[src.Ident] {
			return nil, fmt.Errorf("two files for the device %s: one device a file", src.Ident)
		}
		taken[src.Ident] = true
		if src.Protocol == "owntracks" {
			src.Track = src.Track.inSeconds()
		}
		p := r.state[src.Ident]
		if p != nil && (p.Digest != src.Track.Digest || p.As != src.Protocol) {
			return nil, fmt.Errorf("%s knows the device %s from another track (%s as %s): use another -state, or another device", o.State, src.Ident, p.File, p.As)
		}
		if p == nil {
			p = &progress{File: src.Track.Name, Digest: src.Track.Digest, As: src.Protocol}
			if o.ShiftToNow {
				p.Shift = shiftToNow(src.Track, o.Speed, o.Now())
			}
			r.state[src.Ident] = p
		}
		if again {
			p.Done, p.Acked = false, 0
		}
		p.Acked = min(p.Acked, len(src.Track.Fixes))
		r.tracks = append(r.tracks, &replayed{Source: src, p: p, line: Line{Name: src.Track.Name, Ident: src.Ident, Points: len(src.Track.Fixes), Insane: src.Track.Insane, Resumed: p.Acked}})
	}
	r.dirty = true
	return r, r.save()
}

// shiftToNow moves a track so that, sent at this speed from now on, no fix is
// ever sent before its own time, and the last one is sent at its own time.
// Whole seconds, because some protocols know nothing finer.
func shiftToNow(t Track, speed float64, now time.Time) time.Duration {
	first, last := t.Fixes[0].At, t.Fixes[len(t.Fixes)-1].At
	takes := time.Duration(0)
	if speed > 0 {
		takes = time.Duration(float64(last.Sub(first)) / max(speed, 1))
	}
	return now.Add(takes).Sub(last).Truncate(time.Second) - time.Second
}

// Run sends until every track is acknowledged or ctx is done, keeping the
// state file current. It may be stopped and run again at any time.
func (r *Replay) Run(ctx context.Context) error {
	saverCtx, stopSaver := context.WithCancel(context.WithoutCancel(ctx))
	var saver, senders sync.WaitGroup
	var saveErr error
	saver.Go(func() {
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for saverCtx.Err() == nil {
			select {
			case <-saverCtx.Done():
			case <-tick.C:
			}
			if err := r.save(); err != nil {
				saveErr = err
			}
		}
	})
	for _, t := range r.tracks {
		senders.Go(func() {
			err := r.send(ctx, t)
			r.mu.Lock()
			defer r.mu.Unlock()
			if t.line.Done = err == nil; err != nil && ctx.Err() == nil {
				t.line.Err = err
			}
		})
	}
	senders.Wait()
	stopSaver()
	saver.Wait()
	var errs []error
	for _, t := range r.tracks {
		if t.line.Err != nil {
			errs = append(errs, fmt.Errorf("%s as %s: %w", t.line.Name, t.Ident, t.line.Err))
		}
	}
	return errors.Join(append(errs, saveErr, ctx.Err())...)
}

// People rest. A session of duty is one walk of the track: it ends where
// nothing was recorded for a while, and before it becomes longer than any
// shift, because a centre does not let duty go on for ever.
const (
	restBetween = 90 * time.Minute
	longestWalk = 8 * time.Hour
)

// walk is a stretch of a track under one duty session: fixes from…to-1.
type walk struct{ from, to int }

func walks(fixes []Fix) (all []walk) {
	from := 0
	for i := 1; i <= len(fixes); i++ {
		if i == len(fixes) || fixes[i].At.Sub(fixes[i-1].At) > restBetween || fixes[i].At.Sub(fixes[from].At) > longestWalk {
			all = append(all, walk{from, i})
			from = i
		}
	}
	return all
}

// send is one device's replay.
func (r *Replay) send(ctx context.Context, t *replayed) error {
	if t.p.Done {
		return nil
	}
	fixes, begin, first := t.Track.Fixes, r.o.Now(), t.p.Acked
	due := func(i int) time.Time { // when the fix is sent, at the speed asked for, counted from where we begin
		if r.o.Speed == 0 {
			return begin
		}
		at := begin.Add(time.Duration(float64(fixes[i].At.Sub(fixes[first].At)) / r.o.Speed))
		if own := fixes[i].At.Add(t.p.Shift); own.After(at) {
			return own // never before its own time
		}
		return at
	}
	for k, w := range walks(fixes) {
		known := k < t.p.Ended // in this run or an earlier one
		if known && w.to <= first {
			continue
		}
		start, end := fixes[w.from].At.Add(t.p.Shift), fixes[w.to-1].At.Add(t.p.Shift)
		session := Session{ID: uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "gridward:replay:%s:%d", t.Ident, start.UnixMilli())), Purpose: "patrol", StartedAt: start}
		if known {
			session.EndedAt = end
		}
		if err := r.wait(ctx, due(max(w.from, min(first, len(fixes)-1)))); err != nil {
			return err
		}
		if r.o.Sessions {
			if err := r.insist(ctx, t, []Session{session}, nil); err != nil {
				return err
			}
		}
		if err := r.sendWalk(ctx, t, walk{max(w.from, first), w.to}, due); err != nil {
			return err
		}
		if r.o.Sessions && !known {
			session.EndedAt = end
			if err := r.insist(ctx, t, []Session{session}, nil); err != nil {
				return err
			}
			r.mu.Lock()
			t.p.Ended, r.dirty = k+1, true
			r.mu.Unlock()
		}
	}
	r.mu.Lock()
	t.p.Done, r.dirty = true, true
	r.mu.Unlock()
	return nil
}

// sendWalk sends the fixes of a walk as they come due.
func (r *Replay) sendWalk(ctx context.Context, t *replayed, w walk, due func(int) time.Time) error {
	most := 1
	if t.Protocol == "native" {
		most = min(r.o.Batch, largestBatch)
	}
	for i := w.from; i < w.to; {
		if err := r.wait(ctx, due(i)); err != nil {
			return err
		}
		var batch []Fix
		for now := r.o.Now(); len(batch) < most && i < w.to && (len(batch) == 0 || !due(i).After(now)); i++ {
			f := t.Track.Fixes[i]
			f.At = f.At.Add(t.p.Shift)
			batch = append(batch, f)
		}
		if err := r.insist(ctx, t, nil, batch); err != nil {
			return err
		}
	}
	return nil
}

func (r *Replay) wait(ctx context.Context, until time.Time) error {
	d := until.Sub(r.o.Now())
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// insist sends one request until it is acknowledged.
func (r *Replay) insist(ctx context.Context, t *replayed, sessions []Session, fixes []Fix) error {
	backoff := 250 * time.Millisecond
	for {
		got, err := r.door.Send(ctx, t.Ident, t.Token, t.Protocol, sessions, fixes)
		r.mu.Lock()
		t.line.Sent += len(fixes)
		if err == nil {
			t.line.Acked += len(fixes)
			t.line.Stored += got.Stored
			t.line.Known += got.Duplicate
			t.line.OffDuty += got.OffDuty
			t.line.Refused += len(got.Quarantined)
			t.p.Acked += len(fixes)
			r.dirty = true
			r.mu.Unlock()
			return nil
		}
		t.line.Retries++
		r.mu.Unlock()
		var refused *Refusal
		if !errors.As(err, &refused) || refused.Final() {
			return err
		}
		wait := backoff
		if refused.After > 0 {
			wait = refused.After
		}
		backoff = min(5*time.Second, 2*backoff)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// Lines tells how far every track is.
func (r *Replay) Lines() []Line {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Line
	for _, t := range r.tracks {
		all = append(all, t.line)
	}
	return all
}

// Acknowledged calls visit with every fix, as sent, that the server has
// acknowledged in this or an earlier run.
func (r *Replay) Acknowledged(visit func(ident string, f Fix)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.tracks {
		for _, f := range t.Track.Fixes[:t.p.Acked] {
			f.At = f.At.Add(t.p.Shift)
			visit(t.Ident, f)
		}
	}
}

// stateFile is the JSON of the state file.
type stateFile struct {
	Version int                  `json:"version"`
	Devices map[string]*progress `json:"devices"`
}

func (r *Replay) load() error {
	if r.o.State == "" {
		return nil
	}
	data, err := os.ReadFile(r.o.State)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the replay's state: %w", err)
	}
	var in stateFile
	if err := json.Unmarshal(data, &in); err != nil || in.Version != 1 {
		return fmt.Errorf("%s is no state file of a replay (%v): move it away or name another with -state", r.o.State, err)
	}
	for ident, p := range in.Devices {
		if p != nil {
			r.state[ident] = p
		}
	}
	return nil
}

// save writes the state file whole, or leaves the old one.
func (r *Replay) save() error {
	r.mu.Lock()
	if r.o.State == "" || !r.dirty {
		r.mu.Unlock()
		return nil
	}
	data, err := json.MarshalIndent(stateFile{1, r.state}, "", " ")
	r.dirty = false
	r.mu.Unlock()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(r.o.State), filepath.Base(r.o.State)+".*")
	if err != nil {
		return fmt.Errorf("write the replay's state: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), r.o.State)
	}
	if err != nil {
		return fmt.Errorf("write the replay's state: %w", err)
	}
	return nil
}

func (l Line) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s as %s: %d points, %d sent, %d acknowledged", l.Name, l.Ident, l.Points, l.Sent, l.Acked)
	if l.Resumed > 0 {
		fmt.Fprintf(&b, " (and %d before)", l.Resumed)
	}
	if l.OffDuty > 0 {
		fmt.Fprintf(&b, ", %d off duty", l.OffDuty)
	}
	if l.Refused > 0 {
		fmt.Fprintf(&b, ", %d in quarantine", l.Refused)
	}
	if l.Known > 0 {
		fmt.Fprintf(&b, ", %d known already", l.Known)
	}
	if l.Retries > 0 {
		fmt.Fprintf(&b, ", %d retries", l.Retries)
	}
	if len(l.Insane) > 0 {
		fmt.Fprintf(&b, "; left out: %s", reasons(l.Insane))
	}
	if l.Err != nil {
		fmt.Fprintf(&b, "; stopped: %v", l.Err)
	}
	return b.String()
}
