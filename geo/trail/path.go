package trail

import (
	"math"
	"slices"
)

// path finds the fixes that cannot lie on one path with the others. Of all ways
// through a subset of the fixes it takes the cheapest: a step costs the metres
// that it is longer than one gets in its time, a step that nobody can make costs
// extra, and a fix that is left out costs its price. A spike is left out because
// out and back costs more than its price, a teleport of many fixes because the
// two impossible steps do, fixes of another hour because they belong to a path
// of their own. A turn, an alley walked in and out, a bus, a true jump after a
// tunnel stay: their steps are what everybody around makes, or cost as much
// whichever fixes are left out.
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
	work   []float64
}

const (
	around    = 36 // candidates on either side tell what is usual
	often     = 4  // candidates share what is usual
	soon      = 8  // candidates before, or after, tell when it has just changed
	stirred   = 4  // candidates on either side tell whether this is a burst of noise
	burst     = 3  // candidates on either side are looked at again in one
	span      = 96 // a step leaves out less than this many
	stride    = 16 // so many are judged at once
	paceOver  = 20 // seconds: a pace is of at least so long a time
	tooLong   = 300
	ludicrous = 2500 // metres: the extra cost of a step faster than Options.MaxSpeed
)

func (p *path) take(c *Cleaner, it *item) {
	p.items = append(p.items, it)
	p.look()
	for p.calmed < len(p.items)-around {
		p.calm()
	}
	for p.scored < p.calmed-around {
		p.score(c)
	}
	if p.scored-p.chosen >= 2*span+stride {
		p.choose(c, p.chosen+stride)
	}
	if p.chosen >= 4*span { // forget what no step reaches
		n := p.chosen - 2*span
		p.forgot += n
		p.items = slices.Delete(p.items, 0, n)
		p.ready, p.calmed, p.scored, p.chosen = p.ready-n, p.calmed-n, p.scored-n, p.chosen-n
	}
}

func (p *path) end(c *Cleaner) {
	p.look()
	for p.calmed < len(p.items) {
		p.calm()
	}
	for p.scored < len(p.items) {
		p.score(c)
	}
	p.choose(c, len(p.items))
}

// look measures how far items lie from where their neighbours say, and the pace.
func (p *path) look() {
	for p.ready < len(p.items)-1 {
		i := p.ready
		it := p.items[i]
		it.off, it.pace = math.NaN(), math.NaN()
		for j := i - 1; j >= 0 && i-j <= 3*around; j-- {
			if t := seconds(p.items[j], it); t >= paceOver {
				if t < tooLong {
					it.pace = p.items[j].to(it) / t
				}
				break
			}
		}
		if i > 0 {
			a, b := p.items[i-1], p.items[i+1]
			if t := seconds(a, b); t > 0 && t < tooLong {
				k := seconds(a, it) / t
				it.off = math.Hypot(it.x-a.x-k*(b.x-a.x), it.y-a.y-k*(b.y-a.y))
			}
		}
		p.ready++
	}
}

// quantile is the q-quantile of the numbers that get returns, or d without any.
func (p *path) quantile(from, to int, q, d float64, get func(*item) float64) float64 {
	p.work = p.work[:0]
	from = max(from, 0)
	for _, it := range p.items[from:max(from, min(to, p.ready))] {
		if v := get(it); v == v {
			p.work = append(p.work, v)
		}
	}
	if len(p.work) == 0 {
		return d
	}
	return nth(p.work, min(int(q*float64(len(p.work))), len(p.work)-1))
}

// nth puts the k-th smallest where it belongs and returns it.
func nth(v []float64, k int) float64 {
	for lo, hi := 0, len(v)-1; lo < hi; {
		pivot := v[(lo+hi)/2]
		i, j := lo, hi
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return v[k]
		}
	}
	return v[k]
}

func itemOff(it *item) float64 { return it.off }

func calmPace(it *item) float64 {
	if it.burst {
		return math.NaN()
	}
	return it.pace
}

// calm finds the noise around the next item, and whether it is in a burst.
func (p *path) calm() {
	j := p.calmed
	it := p.items[j]
	// Of the middle of the neighbours' offsets, and of the calm ones: white noise
	// of s metres on each axis puts a quarter of the fixes less than 0.929·s off.
	if (p.forgot+j)%often == 0 || j == 0 {
		it.noise = p.quantile(j-around, j+around+1, 0.25, 5, itemOff) / 0.929
	} else {
		it.noise = p.items[j-1].noise
	}
	it.stir = p.quantile(j-stirred, j+stirred+1, 0.4, 0, itemOff)
	it.burst = it.stir > max(18, 3.2*max(it.noise, 1))
	p.calmed++
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
	for _, from := range [...]int{j - soon, j + 1} { // somebody who has just got into a bus, or out of it
		it.usual = max(it.usual, p.quantile(from, min(from+soon, p.calmed), 0.35, 0, calmPace))
	}
	price := 22 + 5*it.calm()
	if it.burst { // little speaks for a fix
		price /= 4
		step := 0.0
		if j > 0 {
			step = it.usual * seconds(p.items[j-1], it)
		}
		if it.wild = it.stir > max(30, 4.5*it.calm(), 0.7*step); it.wild { // and next to nothing
			price /= 2
		}
	}
	best, from, drops := 0.0, 0, 0.0
	if j > 0 {
		drops = p.items[j-1].drops
		best = drops // begins here: all before are left out
	}
	dropped := 0.0
	for k := 1; k < span && k <= j; k++ {
		b := p.items[j-k]
		if dropped >= best {
			break
		}
		if t := seconds(b, it); t > 0 {
			d := b.to(it)
			cost := max(0, d-it.reach(t))
			if (d-5*it.calm())/t > c.o.MaxSpeed {
				cost += ludicrous
			}
			if s := b.score + dropped + cost; s < best {
				best, from = s, k
			}
		}
		dropped += b.price
	}
	it.score, it.from, it.price, it.drops = best, int32(from), price, drops+price
	p.scored++
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
		if !it.kept || !it.burst {
			continue
		}
		before, after := 0, 0 // what lies on the path amid noise does so by chance
		for k := max(i-burst, 0); k <= min(i+burst, p.scored-1); k++ {
			switch n := p.items[k]; {
			case n.kept || n.Why != Noise:
			case k < i:
				before++
			default:
				after++
			}
		}
		if min(before, after) > 0 && before+after >= burst {
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
		if k != nil && k.Ms == it.Ms {
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
