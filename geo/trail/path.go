package trail

import (
	"math"
	"slices"
)

// path finds the fixes that cannot lie on one path with the others. Of all ways
// through a subset of the fixes it takes the cheapest: a step costs the metres
// that it is longer than one gets in its time, and the more the farther that is
// out of the question, up to a limit; a fix that is left out costs its price. A
// spike is left out because out and back costs more than its price, a teleport
// of many fixes because the two impossible steps do, fixes of another hour
// because they belong to a path of their own. A turn, an alley walked in and
// out, a bus, a true jump after a tunnel stay: their steps are what everybody
// around makes, or cost as much whichever fixes are left out.
//
// A fix is judged as soon as all paths that may still turn out to be the best
// agree about it.
//
// What is a long step and what is a high price depends on the fixes around:
// their pace, and how far each lies from where its neighbours say it should be.
type path struct {
	items  []*item // candidates, by time
	ready  int     // items before it know their off and pace
	calmed int     // items before it know the noise around them
	scored int     // items before it have a score
	chosen int     // items before it are judged
	forgot int     // items that were before items[0]
	looked int     // items before it had a score when last it was seen what is sure
	work   []float64
	open   []bool // items that a path runs through that may still turn out the best
}

const (
	burst     = 5    // candidates on either side are looked at again in a burst of noise…
	many      = 4    // …when so many of them are noise
	span      = 96   // a step leaves out less than this many
	stride    = 16   // so many come before it is seen again what is sure
	longest   = 2048 // so many wait for that at most
	alone     = 45   // seconds of silence on both sides are many, where fixes come often…
	lonePrice = 0.5  // …and less speaks for such a fix
	leads     = 3    // one of so many before leads to a fix, or it begins a run of its own
	jump      = 16   // a jump costs as much as so many fixes at most…
	hop       = 0.6  // …and no more than this where he may have had a lift: two for one fix are too many, for a few are not
	lift      = 6    // m/s: with one, between fixes paceOver apart
	thrust    = 1.5  // m/s²: half of what one gets faster by at most
	ride      = 15   // m/s: after a silence nobody knows how he went on
)

func (p *path) take(c *Cleaner, it *item) {
	p.items = append(p.items, it)
	for p.ready < len(p.items)-abreast {
		p.gauge(p.ready)
	}
	for p.calmed < len(p.items)-2*around {
		p.calm()
	}
	for p.scored < p.calmed-around {
		p.score(c)
	}
	if p.scored >= p.looked+stride {
		p.looked = p.scored
		if end := p.agreed() - burst; end > p.chosen {
			p.choose(c, end)
		} else if p.scored-p.chosen >= longest {
			p.choose(c, p.chosen+longest/2)
		}
	}
	if p.chosen >= 4*span { // forget what no step reaches
		n := p.chosen - 2*span
		p.forgot += n
		p.items = slices.Delete(p.items, 0, n)
		p.ready, p.calmed, p.scored, p.chosen, p.looked = p.ready-n, p.calmed-n, p.scored-n, p.chosen-n, p.looked-n
	}
}

func (p *path) end(c *Cleaner) {
	for p.ready < len(p.items) {
		p.gauge(p.ready)
	}
	for p.calmed < len(p.items) {
		p.calm()
	}
	for p.scored < len(p.items) {
		p.score(c)
	}
	p.choose(c, len(p.items))
}

// calm is the noise that is taken for granted.
func (a *item) calm() float64 { return min(max(a.noise, 1), 30) }

// reach is how far one gets in t seconds without anybody wondering.
func (a *item) reach(t float64) float64 {
	if a.wild {
		return 2 + a.calm() + max(1.5, a.usual)*t
	}
	return a.easily(t)
}

func (a *item) easily(t float64) float64 { return 2 + 2.5*a.calm() + 1.3*max(1.5, a.usual)*t }

// worth is the price of leaving a fix out.
func (a *item) worth() float64 { return 22 + 5*a.calm() }

const worthMost = 22 + 5*30

// utmost is how far anything gets in t seconds.
func (a *item) utmost(t, top float64) float64 {
	return 7*max(3, a.calm()) + min(top*t, 1.5*max(1.5, a.usual)*t+thrust*t*t)
}

// step is what a step costs in the eyes of a fix near it.
func step(a, b, eyes *item, top float64) float64 {
	t, d, cost := seconds(a, b), a.to(b), 0.0
	reach := eyes.reach(t) + ride*(b.silent-a.silent)
	if over := d - reach; over > 0 {
		cost = over * (1 + min(over/(reach+5*eyes.calm()), 5))
	}
	if over := d - eyes.utmost(t, top); over > 0 {
		cost += 20 * over
	}
	most := jump * eyes.worth()
	if t >= paceOver && d <= reach+lift*t {
		most = hop * eyes.worth()
	}
	return min(cost, most)
}

// score finds the cheapest path that ends in the next item.
func (p *path) score(c *Cleaner) {
	j := p.scored
	it := p.items[j]
	if (p.forgot+j)%often == 0 || j == 0 {
		it.long = p.quantile(j-around, min(j+around+1, p.calmed), 0.7, 1, calmPace)
	} else {
		it.long = p.items[j-1].long
	}
	it.usual = it.long
	n := p.moment(j)
	for _, from := range [...]int{j - n, j + 1} { // somebody who has just got into a bus, or out of it
		it.usual = max(it.usual, p.quantile(from, min(from+n, p.calmed), 0.35, 0, calmPace))
	}
	price := it.worth()
	if it.burst { // little speaks for a fix
		price /= 4
		step := 0.0
		if j > 0 {
			step = it.usual * seconds(p.items[j-1], it)
		}
		if it.wild = it.stir > max(25, 3.5*it.calm(), 0.7*step); it.wild { // and next to nothing
			price /= 2
		}
	}
	if p.lone(j) {
		price *= lonePrice
	}
	best, from, drops := 0.0, 0, 0.0
	if j > 0 {
		drops = p.items[j-1].drops
		best = drops // begins here: all before are left out
		it.silent = p.items[j-1].silent + max(0, seconds(p.items[j-1], it)-float64(c.o.GapMs)/1000)
	}
	it.run, it.nth = it, 0
	if b := p.leads(j); b != nil {
		it.run, it.nth = b.run, b.nth+1
	}
	dropped, first := 0.0, it // of its run, since b
	for k := 1; k < span && k <= j; k++ {
		b := p.items[j-k]
		if b.run.asked != it {
			b.run.asked, b.run.last = it, b
		}
		if dropped >= best {
			break
		}
		if t := seconds(b, it); t > 0 {
			cost := step(b, it, it, c.o.MaxSpeed)
			// Leaving out the fixes that b goes on with, or that lead here, wins no time,
			// but for one that is near by chance.
			if last := b.run.last; it.run != b.run && (last != b || first != it) &&
				(last.nth-b.nth+it.nth-first.nth > 1 || b.to(it) > it.easily(t)) {
				cost = max(cost, step(last, first, it, c.o.MaxSpeed))
			}
			if s := b.score + dropped + cost; s < best {
				best, from = s, k
			}
		}
		dropped += b.price
		if b.run == it.run {
			first = b
		}
	}
	it.score, it.from, it.price, it.drops = best, int32(from), price, drops+price
	p.scored++
}

// lone reports whether an item has silence on both sides, where they come often.
func (p *path) lone(j int) bool {
	if j < 9 || j+9 >= len(p.items) {
		return false
	}
	it := p.items[j]
	each := min(seconds(p.items[j-9], p.items[j-1]), seconds(p.items[j+1], p.items[j+9])) / 8
	return min(seconds(p.items[j-1], it), seconds(it, p.items[j+1])) > max(alone, 8*each)
}

// leads is the candidate from which one gets to an item easily: the one before,
// or, when that is off by noise alone, one of the few before it.
func (p *path) leads(j int) *item {
	it := p.items[j]
	for k := j - 1; k >= max(0, j-leads); k-- {
		b := p.items[k]
		d, far := b.to(it), it.easily(seconds(b, it))
		if d <= far {
			return b
		}
		if d > far+2*it.easily(0) {
			break
		}
	}
	return nil
}

// agreed is an item through which all paths run that may still turn out to be
// the best, or -1.
func (p *path) agreed() int {
	p.open = append(p.open[:0], make([]bool, p.scored)...)
	total := func(e int) float64 { return p.items[e].score - p.items[e].drops }
	best := math.Inf(1)
	first := max(p.chosen, p.scored-span)
	for e := first; e < p.scored; e++ {
		best = min(best, total(e))
	}
	paths := 0
	for e := first; e < p.scored; e++ {
		if p.open[e] = total(e) <= best+jump*worthMost; p.open[e] {
			paths++
		}
	}
	for i := p.scored - 1; i > p.chosen; i-- {
		switch before := i - int(p.items[i].from); {
		case !p.open[i]:
		case paths == 1:
			return i
		case before == i || before < p.chosen:
			return -1
		case p.open[before]:
			paths--
		default:
			p.open[before] = true
		}
	}
	return -1
}

// choose judges the items up to the one before end.
func (p *path) choose(c *Cleaner, end int) {
	if p.scored == 0 {
		return
	}
	// The path that is best as far as we see.
	best, at := math.Inf(1), 0
	last := p.items[p.scored-1].drops
	for e := p.scored - 1; e >= max(0, p.scored-span); e-- {
		if s := p.items[e].score + last - p.items[e].drops; s < best {
			best, at = s, e
		}
	}
	for _, it := range p.items[p.chosen:p.scored] {
		it.kept = false
	}
	for e := at; ; e -= int(p.items[e].from) {
		p.items[e].kept = true
		if p.items[e].from == 0 || e < p.chosen {
			break
		}
	}
	for i := p.chosen; i < min(end+burst, p.scored); i++ {
		if it := p.items[i]; !it.kept {
			it.Why = p.why(c, i)
		}
	}
	for i := p.chosen; i < end; i++ {
		it := p.items[i]
		it.done = true
		if it.kept {
			it.Why = Good
		}
		if !it.kept || !it.burst && !(it.off > 3*it.calm()) {
			continue
		}
		before, after := 0, 0 // what lies on the path amid noise does so by chance
		for k := max(i-burst, 0); k <= min(i+burst, p.scored-1); k++ {
			n := p.items[k]
			if k <= i {
				before += n.vague
			} else {
				after += n.vague
			}
			switch {
			case n.kept || n.Why != Noise && !n.burst:
			case k < i:
				before++
			default:
				after++
			}
		}
		if min(before, after) > 0 && before+after >= many {
			it.Why = Noise
		}
	}
	p.chosen = end
}

// why names what is wrong with an item that was left out.
func (p *path) why(c *Cleaner, i int) Reason {
	it := p.items[i]
	var a, b *item // the kept ones on either side
	run := 1       // how many of the neighbours that were left out lie where one gets from here
	strays := 1
	follow := func(step int) (kept *item) {
		last := it
		for k := i + step; k >= 0 && k < p.scored && k < i+span && k > i-span; k += step {
			n := p.items[k]
			if n.kept {
				return n
			}
			strays++
			if last.to(n) <= it.easily(math.Abs(seconds(last, n))) {
				run++
			}
			last = n
		}
		return nil
	}
	a, b = follow(-1), follow(+1)
	for _, k := range []*item{a, b} {
		if k != nil && k.Ms == it.Ms && k.to(it) <= it.easily(0) {
			return Duplicate
		}
	}
	if strays >= 3 && 2*run < strays {
		return Noise
	}
	far := math.Inf(1)
	for _, k := range []*item{a, b} {
		if k == nil {
			continue
		}
		t := max(1, math.Abs(seconds(k, it)))
		far = min(far, k.to(it))
		if k.to(it)/t > c.o.MaxSpeed {
			return Teleport
		}
	}
	if strays > 2 || far > 1000 {
		return Teleport
	}
	return Spike
}
