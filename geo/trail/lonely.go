package trail

// lonely finds fixes that stand alone in time: a clock that jumped puts them
// hours or days away from the others.
type lonely struct {
	last   *item
	held   []*item // of the present cluster
	count  int     // of the present cluster
	before int     // of the cluster before
	small  []*item // the cluster before, when it is small and what follows decides about it
}

const (
	lonelyMs  = 2 * 3600_000 // of silence on both sides
	fewFixes  = 3            // so many at most are lonely
	manyFixes = 30           // beside a cluster of so many
)

func (l *lonely) take(c *Cleaner, it *item) {
	if l.last != nil && it.Ms-l.last.Ms > lonelyMs {
		l.close(c)
	}
	l.last = it
	l.held = append(l.held, it)
	l.count++
	switch {
	case len(l.small) == 0 && l.count > fewFixes:
		l.release(c, &l.held)
	case l.count >= manyFixes:
		l.refuse(&l.small)
		l.release(c, &l.held)
	}
}

// close ends the present cluster.
func (l *lonely) close(c *Cleaner) {
	l.release(c, &l.small) // what followed was not many
	switch {
	case l.count > fewFixes:
		l.release(c, &l.held)
		l.before = l.count
	case l.before >= manyFixes:
		l.refuse(&l.held)
	default:
		l.small, l.held = l.held, nil
	}
	l.count = 0
}

func (l *lonely) end(c *Cleaner) {
	l.close(c)
	l.release(c, &l.small)
}

func (l *lonely) release(c *Cleaner, held *[]*item) {
	for _, it := range *held {
		c.frozen.take(c, it)
	}
	*held = nil
}

func (l *lonely) refuse(held *[]*item) {
	for _, it := range *held {
		it.Why, it.done = BadClock, true
	}
	*held = nil
}

// frozen finds receivers that repeat themselves. One or two other fixes may lie
// between the repeats.
type frozen struct {
	first  *item   // of the run
	held   []*item // after first, while the run is too short to tell
	count  int     // of the run, with first
	astray int     // others since the last repeat
}

const mostAstray = 2

func (z *frozen) take(c *Cleaner, it *item) {
	switch {
	case z.first != nil && near(z.first.Point, it.Point):
		z.count++
		z.astray = 0
		if z.count < c.o.Frozen {
			z.held = append(z.held, it)
			return
		}
		rest := z.held
		z.held = nil
		for _, h := range append(rest, it) {
			if near(z.first.Point, h.Point) {
				h.Why, h.done = Frozen, true
			} else {
				c.path.take(c, h)
			}
		}
	case z.first != nil && z.astray < mostAstray && z.count > 1:
		z.astray++
		z.held = append(z.held, it)
	default:
		z.open(c)
		if z.first != nil {
			z.take(c, it)
			return
		}
		z.first, z.count = it, 1
		c.path.take(c, it)
	}
}

// open ends the run. What came after its last repeat may begin one of its own.
func (z *frozen) open(c *Cleaner) {
	held, astray := z.held, z.astray
	*z = frozen{}
	for i, h := range held {
		if i < len(held)-astray {
			c.path.take(c, h)
		} else {
			z.take(c, h)
		}
	}
}

func (z *frozen) end(c *Cleaner) {
	for len(z.held) > 0 {
		z.open(c)
	}
}
