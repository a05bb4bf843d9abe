package ingest

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

const (
	copyFrom      = 1000             // rows from which COPY is faster than INSERT
	mergeFor      = 32               // commits that stay with INSERT after COPY met a duplicate
	commitTimeout = 30 * time.Second // then the database counts as away
	attempts      = 4
)

// businessZone decides which day an uncounted fix belongs to.
var businessZone = time.FixedZone("Asia/Shanghai", 8*3600)

// mover is a worker in one commit: what was known of him, and what comes to be.
type mover struct {
	last    postgres.Last
	known   bool // last is one
	moved   bool
	over    bool // the session that he moved in has been ended: he stays nowhere
	stay    postgres.Stay
	stored  bool // the stay is a row already
	changed bool
	ended   []postgres.Stay // new stays that ended within this commit
	closed  *postgres.Stay  // the stored stay, as it ended
	cover   *postgres.Cover
}

// committer commits for one writer. It keeps its buffers between commits.
type committer struct {
	in    *Ingest
	rows  postgres.FixWriter
	merge int // commits that still use INSERT

	regions, workers []int64
	moved            map[int64]*mover
	inside, out      []*fleet.Fix // to fix, and to fix_outside
	reopen           map[uuid.UUID]bool
	turns            []postgres.Turn
	called           []call
	wake             postgres.Wake
	seen             map[int64]int // device → index in wake.Seen: one statement may not touch a row twice
	offDuty          map[postgres.OffDuty]int64
	placed           []fleet.Fix
	late             map[workerDay]time.Time     // days that may be archived already → the earliest new fix
	past             map[postgres.PatrolKey]bool // worker-days that were over before this commit: their patrols are measured again
	midnight         int64                       // Unix seconds at which the business day began
}

// workerDay is a worker's day of the business zone.
type workerDay struct {
	region, worker int64
	day            int64
}

// commit stores the jobs and answers each of them.
func (c *committer) commit(jobs []*job) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	began := time.Now()
	err := c.store(ctx, jobs)
	switch {
	case err == nil:
		if c.in.d.Metrics.Commit != nil {
			c.in.d.Metrics.Commit(time.Since(began), len(c.inside)+len(c.out))
		}
		c.after()
		for _, j := range jobs {
			j.finish()
		}
	case postgres.Unavailable(err):
		c.in.d.Log("ingest: the database is away", "err", err, "requests", len(jobs))
		for _, j := range jobs {
			j.err = busy(err)
			j.finish()
		}
	case len(jobs) > 1:
		// One of them is poison. Alone, only that one fails.
		for _, j := range jobs {
			c.commit([]*job{j})
		}
	default:
		c.refuse(ctx, jobs[0], err)
		jobs[0].finish()
	}
}

// refuse keeps a request that the database will not take, so that the client need not.
func (c *committer) refuse(ctx context.Context, j *job, cause error) {
	c.in.d.Log("ingest: a request was refused by the database and is held in quarantine", "err", cause, "device", j.dev.ID)
	if j.batch.Refuse == nil {
		j.err = fmt.Errorf("store the fixes: %w", cause)
		return
	}
	if err := postgres.Hold(ctx, c.in.d.DB.Pool, j.batch.Refuse(fleet.Refused, fleet.Clip(cause.Error()))); err != nil {
		j.err = busy(err)
		return
	}
	j.receipt = Receipt{Quarantined: j.weight()}
}

// store tries until it is clear whether the jobs can be stored.
func (c *committer) store(ctx context.Context, jobs []*job) error {
	var err error
	for range attempts {
		err = c.in.d.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error { return c.transact(ctx, tx, jobs) })
		switch {
		case err == nil:
			c.merge = max(0, c.merge-1)
			return nil
		case postgres.Duplicate(err):
			c.merge = mergeFor // COPY met a fix that is there, or two nodes began a worker's first stay at once
		case postgres.NoPartition(err):
			if rerr := c.in.refreshDays(ctx); rerr != nil {
				return rerr
			}
		case postgres.Retry(err):
		default:
			return err
		}
	}
	return err
}

// transact is one attempt. Everything it keeps in c is made anew.
func (c *committer) transact(ctx context.Context, tx pgx.Tx, jobs []*job) error {
	c.reset()
	if err := c.sessions(ctx, tx, jobs); err != nil {
		return err
	}
	if err := c.load(ctx, tx, jobs); err != nil {
		return err
	}
	g, err := c.in.settleGround(ctx, tx, jobs)
	if err != nil {
		return err
	}
	days := *c.in.days.Load()
	for _, j := range jobs {
		c.judge(g, days, j)
	}
	isNew, err := c.write(ctx, tx)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if err := c.settle(ctx, tx, j, isNew); err != nil {
			return err
		}
	}
	if err := c.tellArchive(ctx, tx); err != nil {
		return err
	}
	c.endings()
	for _, m := range c.moved {
		c.leave(m)
	}
	if len(c.past) > 0 {
		if err := postgres.MarkLateDays(ctx, tx, c.past); err != nil {
			return err
		}
	}
	for o, n := range c.offDuty {
		o.Fixes = n
		c.wake.OffDuty = append(c.wake.OffDuty, o)
	}
	if err := c.wake.Save(ctx, tx); err != nil {
		return err
	}
	if len(c.reopen) > 0 {
		ids := make([]uuid.UUID, 0, len(c.reopen))
		for id := range c.reopen {
			ids = append(ids, id)
		}
		turns, err := postgres.ReopenSessions(ctx, tx, ids, c.in.d.Clock())
		if err != nil {
			return err
		}
		c.turns = append(c.turns, turns...)
	}
	if c.in.d.Journal != nil {
		for _, t := range c.turns {
			if err := c.in.d.Journal(ctx, tx, t); err != nil {
				return fmt.Errorf("journal of duty: %w", err)
			}
		}
	}
	return nil
}

func (c *committer) reset() {
	c.regions, c.workers, c.inside, c.out, c.turns, c.called, c.placed = c.regions[:0], c.workers[:0], c.inside[:0], c.out[:0], c.turns[:0], c.called[:0], c.placed[:0]
	clear(c.moved)
	clear(c.seen)
	clear(c.offDuty)
	clear(c.late)
	clear(c.past)
	c.midnight = workday.DayOf(c.in.d.Clock()).Start().Unix()
	c.reopen = nil
	w := &c.wake
	w.Last, w.Changed, w.Entered, w.Seen, w.OffDuty = w.Last[:0], w.Changed[:0], w.Entered[:0], w.Seen[:0], w.OffDuty[:0]
}

// sessions records what the clients said of their duty, before their fixes are looked at.
func (c *committer) sessions(ctx context.Context, tx pgx.Tx, jobs []*job) error {
	for _, j := range jobs {
		for _, s := range j.batch.Sessions {
			in := fleet.Session{ID: s.ID, Region: j.dev.Region, Worker: j.dev.Worker, Org: j.dev.Org, Device: j.dev.ID, Purpose: s.Purpose, StartedAt: s.StartedAt, Consent: s.Consent}
			if !s.EndedAt.IsZero() {
				in.EndedAt = &s.EndedAt
			}
			turns, err := postgres.PutSession(ctx, tx, in, "app")
			if err != nil {
				return err
			}
			c.turns = append(c.turns, turns...)
			for _, t := range turns {
				if t.Session.StartedAt.Unix() < c.midnight {
					c.past[postgres.PatrolKey{Region: t.Session.Region, Worker: t.Session.Worker, Day: workday.DayOf(t.Session.StartedAt)}] = true
				}
			}
		}
	}
	return nil
}

// endings closes the stays of those whose last word is that they are off duty.
func (c *committer) endings() {
	for _, t := range c.turns {
		if m := c.moved[t.Session.Worker]; m != nil {
			m.over = !t.Started
		}
	}
}

// load reads what is known of the workers, and locks them.
func (c *committer) load(ctx context.Context, tx pgx.Tx, jobs []*job) error {
	var personal []int64
	var from, to time.Time
	for _, j := range jobs {
		if c.moved[j.dev.Worker] == nil {
			c.moved[j.dev.Worker] = &mover{stay: postgres.Stay{Region: j.dev.Region, Worker: j.dev.Worker}}
			c.regions, c.workers = append(c.regions, j.dev.Region), append(c.workers, j.dev.Worker)
		}
		if len(j.fixes) == 0 || j.dev.Duty == fleet.DutyAlways && j.dev.Vehicle {
			continue
		}
		personal = append(personal, j.dev.Worker)
		if first := j.fixes[0].At; from.IsZero() || first.Before(from) {
			from = first
		}
		if last := j.fixes[len(j.fixes)-1].At; last.After(to) {
			to = last
		}
	}
	last, stays, err := postgres.LoadMoving(ctx, tx, c.regions, c.workers)
	if err != nil {
		return err
	}
	for i := range last {
		if m := c.moved[last[i].Worker]; m != nil {
			m.last, m.known = last[i], true
		}
	}
	for _, s := range stays {
		if m := c.moved[s.Worker]; m != nil {
			m.stay, m.stored = s, true
		}
	}
	if len(personal) == 0 {
		return nil
	}
	covers, err := postgres.LoadCover(ctx, tx, personal, from, to)
	if err != nil {
		return err
	}
	for worker, cover := range covers {
		if m := c.moved[worker]; m != nil {
			m.cover = cover
		}
	}
	return nil
}

// judge decides which of a job's fixes are kept, and where each takes its worker.
func (c *committer) judge(g *ground, days map[int64]bool, j *job) {
	m := c.moved[j.dev.Worker]
	j.receipt = Receipt{}
	var known time.Time // the newest that was known when the job came
	if m.known {
		known = m.last.At
	}
	for i := range j.fixes {
		f := &j.fixes[i]
		f.Flags &^= inCommit
		if f.Speed > fastest {
			f.Flags |= fleet.TooFast
		} else {
			f.Flags &^= fleet.TooFast
		}
		d, ok := covered(&j.dev, m.cover, f.At)
		if !ok {
			if f.Flags&fleet.SOS == 0 && !c.underSOS(m, j, f.At) {
				j.receipt.OffDuty++
				f.Worker = 0 // not kept; see settle
				continue
			}
			d = duty{org: j.dev.Org, path: j.dev.OrgPath}
			f.Flags |= fleet.OffDutySOS
		}
		f.Worker, f.Session, f.Org, f.OrgPath = j.dev.Worker, d.session, d.org, d.path
		if d.reopen {
			if c.reopen == nil {
				c.reopen = map[uuid.UUID]bool{}
			}
			c.reopen[d.session] = true
		}
		if f.At.Before(known) {
			f.Flags |= fleet.Late
		}
		if m.known && tooFast(&m.last, f) {
			f.Flags |= fleet.TooFast
		}
		if days[f.At.Unix()/86400] {
			c.inside = append(c.inside, f)
		} else {
			c.out = append(c.out, f)
		}
		if !f.Plausible() {
			continue
		}
		if !m.known || takes(&m.last, f) {
			step(&m.last, m.known, f)
			m.known, m.moved, m.over = true, true, d.over
			c.track(g, m, f)
		}
	}
}

// underSOS reports whether an SOS of the worker lets a fix off duty be kept.
func (c *committer) underSOS(m *mover, j *job, at time.Time) bool {
	if m.cover != nil && !m.cover.SOS.IsZero() && reached(m.cover.SOS, at) {
		return true
	}
	for i := range j.fixes {
		if o := &j.fixes[i]; o.Flags&fleet.SOS != 0 && !at.Before(o.At) && at.Before(o.At.Add(sosReach)) {
			return true
		}
	}
	called, ok := c.in.calls.recent(j.dev.Worker, j.at)
	return ok && reached(called, at)
}

// track moves the worker's stay on.
func (c *committer) track(g *ground, m *mover, f *fleet.Fix) {
	if m.stay.Grid != 0 && !f.At.After(m.stay.LastAt) {
		return
	}
	now, ended := track(m.stay, g.sight(&m.stay, f))
	if ended.Grid != 0 {
		if m.stored {
			e := ended
			m.closed, m.stored = &e, false
		} else {
			m.ended = append(m.ended, ended)
		}
	}
	m.stay, m.changed = now, true
}

// write puts the fixes on disk and returns which of them were not there before.
func (c *committer) write(ctx context.Context, tx pgx.Tx) (isNew func(*fleet.Fix) bool, err error) {
	all := func(*fleet.Fix) bool { return true }
	old, older := all, all
	switch {
	case len(c.inside) == 0:
	case len(c.inside) >= copyFrom && c.merge == 0:
		if err := c.rows.Copy(ctx, tx, c.inside); err != nil {
			return nil, err
		}
	default:
		if old, err = c.insert(ctx, tx, c.inside, false); err != nil {
			return nil, err
		}
	}
	if len(c.out) == 0 {
		return old, nil
	}
	if older, err = c.insert(ctx, tx, c.out, true); err != nil {
		return nil, err
	}
	days := *c.in.days.Load()
	return func(f *fleet.Fix) bool {
		if days[f.At.Unix()/86400] {
			return old(f)
		}
		return older(f)
	}, nil
}

func (c *committer) insert(ctx context.Context, tx pgx.Tx, fixes []*fleet.Fix, outside bool) (func(*fleet.Fix) bool, error) {
	n, err := c.rows.Insert(ctx, tx, fixes, outside)
	switch {
	case err != nil:
		return nil, err
	case n == len(fixes):
		return func(*fleet.Fix) bool { return true }, nil
	case n == 0:
		return func(*fleet.Fix) bool { return false }, nil
	}
	mine, err := c.rows.Mine(ctx, tx, fixes, outside)
	if err != nil {
		return nil, err
	}
	return func(f *fleet.Fix) bool {
		k := postgres.KeyOf(f)
		ok := mine[k]
		delete(mine, k) // the second of two equal ones in a commit is the duplicate
		return ok
	}, nil
}
