package trail

import "math"

// What is usual around a fix: the pace, and the noise. Whatever is wrong there
// must not count as usual: the pace is not measured across jumps, and the noise
// is that of the calmer side where one side is a burst.
const (
	around   = 36   // candidates on either side tell what is usual
	often    = 8    // candidates share what is usual
	soon     = 8    // candidates before, or after, tell when it has just changed
	stirred  = 4    // candidates on either side tell whether this is a burst of noise
	onwards  = 0.4  // of the steps' squares is how they go on, when it is a way
	louder   = 2.5  // times: so much more noise than on the other side is a burst
	enough   = 16   // candidates on a side tell of it
	paceOver = 20   // seconds: a pace is of at least so long a time…
	tooLong  = 300  // …and of less than this
	stroll   = 30   // metres: off the line between fixes farther apart…
	bend     = 0.25 // …by so much of what is more is a way with bends
	abreast  = 3    // so many candidates may come between two of one way…
	nearer   = 5    // …when those are so many times nearer to one another…
	astray   = 50   // …than these metres at least
)

// gauge measures how far an item lies from where its neighbours say, and the pace.
func (p *path) gauge(i int) {
	it := p.items[i]
	it.off, it.pace = math.NaN(), math.NaN()
	a, b := p.beside(i, -1), p.beside(i, +1)
	if a != nil {
		it.jump = it.jumped(a, b)
	}
	if a != nil && b != nil {
		if t := seconds(a, b); t > 0 && t < tooLong {
			k := seconds(a, it) / t
			it.off = math.Hypot(it.x-a.x-k*(b.x-a.x), it.y-a.y-k*(b.y-a.y))
			if more := a.to(b)/2 - stroll; more > 0 {
				it.off, it.far = max(0, it.off-bend*more), true
			}
		}
	}
	p.ready++
	for j := i - 1; j >= 0 && i-j <= 3*around && !p.items[j+1].jump; j-- {
		if seconds(p.items[j], it) < paceOver {
			continue
		}
		for k := j; k >= 0 && j-k < abreast; k-- {
			if t := seconds(p.items[k], it); t < tooLong {
				if v := p.items[k].to(it) / t; k == j || it.pace-v > 3 && v < it.pace/nearer {
					it.pace = v
				}
			}
		}
		return
	}
}

// jumped reports whether the step from a is far faster than those around it,
// that to b being the next: a pace must not be measured across it.
func (a *item) jumped(from, to *item) bool {
	t, fastest := seconds(from, a), 5.0
	if t > 0 {
		a.step = from.to(a) / t
		fastest = max(fastest, from.step)
	}
	if to != nil {
		if t := seconds(a, to); t > 0 {
			fastest = max(fastest, a.to(to)/t)
		}
	}
	return from.to(a) > astray+3*fastest*t
}

// beside is the candidate before or after, or one of the next few when that is
// far away and they are near: fixes of another hour, or of another place, are
// told of between those of a way.
func (p *path) beside(i, step int) *item {
	it := p.items[i]
	var best *item
	d := 0.0
	for k := i + step; k >= 0 && k < len(p.items) && k != i+step*(abreast+1); k += step {
		n := p.items[k]
		if v := n.to(it); best == nil || d > astray && v < d/nearer {
			best, d = n, v
		}
	}
	return best
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

// slowOff tells of noise: where the steps are long, off is the way itself.
func slowOff(it *item) float64 {
	if it.far {
		return math.NaN()
	}
	return it.off
}

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
	// Of the neighbours' offsets, before or after: where a burst begins or ends one
	// side is calm. White noise of s metres on each axis puts 35 % of the fixes
	// less than 1.137·s off.
	if (p.forgot+j)%often == 0 || j == 0 {
		it.noise = 5
		before, after := p.quantile(j-2*around, j, 0.35, math.NaN(), slowOff), p.quantile(j, j+2*around, 0.35, math.NaN(), slowOff)
		if j < enough || before != before {
			before = after
		}
		if len(p.items)-j < enough || after != after {
			after = before
		}
		if n := min(before, after); max(before, after) < louder*max(n, 1) {
			it.noise = (before + after) / 2 / 1.137
		} else if n == n {
			it.noise = n / 1.137
		}
	} else {
		it.noise = p.items[j-1].noise
	}
	it.stir = p.quantile(j-stirred, j+stirred+1, 0.4, 0, itemOff)
	each := seconds(p.items[max(j-1, 0)], p.items[min(j+1, len(p.items)-1)]) / 2
	it.burst = it.stir > max(18, 3.2*max(it.noise, 1), lift*each/7) && !p.onward(j)
	p.calmed++
}

// onward reports whether the steps around go on as the last did, as on a way and
// not in noise, however much that bends.
func (p *path) onward(j int) bool {
	a, b := max(j-stirred, 1), min(j+stirred, len(p.items)-2)
	on, all := 0.0, 0.0
	for i := a; i <= b; i++ {
		p, q, r := p.items[i-1], p.items[i], p.items[i+1]
		on += (q.x-p.x)*(r.x-q.x) + (q.y-p.y)*(r.y-q.y)
		all += (q.x-p.x)*(q.x-p.x) + (q.y-p.y)*(q.y-p.y)
	}
	return on > onwards*all
}

// moment is how many candidates tell of a pace that has just changed: as many
// as it takes for a single jump not to look like one.
func (p *path) moment(j int) int {
	a, b := max(j-2, 0), min(j+2, len(p.items)-1)
	if seconds(p.items[a], p.items[b]) >= paceOver/2*float64(b-a) {
		return 5
	}
	return soon
}
