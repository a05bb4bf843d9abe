package trail

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// How a column is told; see Encode.
const (
	equalNumbers = 0xf0
	equalSteps   = 0xf1
	fraction     = 8 // bits of level and pace below the point
	fixed        = 9 // of a gain: what is guessed does not learn
	mostQuotient = 8 // from here on a number is written out
	mostRest     = 20
	mostY        = 1 << 36
)

// guesser is a shape: how quickly a guess follows what came, in place (s) and
// in pace (t), as halvings.
type guesser struct{ s, t uint }

// guessers are the shapes that the encoder tries: standing amid noise, going
// amid noise, a clock that trembles around its beat.
var guessers = [...]guesser{{0, fixed}, {1, fixed}, {2, fixed}, {3, fixed}, {4, fixed}, {fixed, fixed}, {0, 0}, {0, 1}, {0, 2}, {0, 3}, {1, 5}}

// guess is where a shape begins.
type guess struct {
	guesser
	first, pace int64
	spread      uint
}

// tell runs through y and tells every e; it returns the spread at the end.
func (g guess) tell(y []int64, turn int64, out *bitWriter) int64 {
	level, pace, spread := g.first<<fraction, g.pace, int64(1)<<g.spread
	for _, v := range y[1:] {
		about := (level + 1<<(fraction-1)) >> fraction
		e := v - about
		if turn > 0 {
			e = modulo(e+turn/2, turn) - turn/2 // the shorter way round
		}
		z := uint64(e<<1) ^ uint64(e>>63)
		k := restBits(spread)
		if q := z >> k; q < mostQuotient {
			out.put(1<<q, uint(q)+1)
			out.put(z&(1<<k-1), k)
			if g.t != fixed {
				pace += e << (fraction - g.t)
			}
			if level += pace; g.s != fixed {
				level += e << (fraction - g.s)
			}
			spread += (int64(z)<<4 - spread) >> 4
			continue
		}
		w := uint(bits.Len64(z))
		out.put(0, mostQuotient)
		out.put(uint64(w), 6)
		out.put(z, w)
		level = (about+e)<<fraction + pace
	}
	return spread
}

func restBits(spread int64) uint { return uint(min(bits.Len64(uint64(spread*11>>8)), mostRest)) }

// modulo is v within [0, turn).
func modulo(v, turn int64) int64 {
	if v %= turn; v < 0 {
		v += turn
	}
	return v
}

// bitWriter fills bytes from the lowest bit upwards, or only counts.
type bitWriter struct {
	dst  []byte
	hold uint64
	held uint
	n    uint
	dry  bool
}

func (b *bitWriter) put(v uint64, width uint) {
	b.n += width
	if b.dry {
		return
	}
	b.hold |= v << b.held // held < 8, width ≤ 38
	for b.held += width; b.held >= 8; b.held -= 8 {
		b.dst = append(b.dst, byte(b.hold))
		b.hold >>= 8
	}
}

func (b *bitWriter) done() []byte {
	if b.held > 0 {
		b.dst = append(b.dst, byte(b.hold))
	}
	return b.dst
}

// writer writes columns.
type writer struct {
	y, spare []int64
	buf      []byte
}

// column appends x in the shortest of its shapes.
func (w *writer) column(dst []byte, x []int64, column int) []byte {
	start := len(dst)
	dst = appendRuns(dst, x)
	best := len(dst) - start
	if steps := appendSteps(nil, x, best); steps != nil {
		dst, best = append(dst[:start], steps...), len(steps)
	}
	if guessed := w.guessed(x, column, best); guessed != nil {
		dst = append(dst[:start], guessed...)
	}
	return dst
}

// guessed tells x by the best of the guesses; nil when that is no shorter than limit.
func (w *writer) guessed(x []int64, column, limit int) []byte {
	if len(x) < 3 || limit < 7 { // the head alone takes six bytes
		return nil
	}
	turn, g := turnOf(column), int64(1)
	if turn == 0 {
		g = divisor(x)
	}
	y := w.y[:len(x)]
	for i, v := range x {
		if y[i] = (v - x[0]) / g; y[i] > mostY || y[i] < -mostY {
			return nil
		}
	}
	// A clock begins with its beat, everything else at rest; what does not learn, in the middle.
	start := guess{spread: 7}
	if column == inTime {
		start.first, start.pace = w.beatOf(y)
	}
	var chosen guess
	least := uint(math.MaxUint)
	for _, form := range guessers {
		one := start
		if one.guesser = form; form.s == fixed {
			one.first = median(append(w.spare[:0], y...))
		}
		count := bitWriter{dry: true}
		one.spread = uint(bits.Len64(uint64(one.tell(y, turn, &count)))) // as it will be on average
		if count.n < least {
			least, chosen = count.n, one
		}
	}
	w.buf = append(w.buf[:0], byte(chosen.s<<4|chosen.t))
	w.buf = binary.AppendVarint(w.buf, x[0])
	w.buf = binary.AppendUvarint(w.buf, uint64(g))
	w.buf = binary.AppendVarint(w.buf, chosen.first)
	w.buf = binary.AppendVarint(w.buf, chosen.pace)
	w.buf = append(w.buf, byte(chosen.spread))
	out := bitWriter{dst: w.buf}
	chosen.tell(y, turn, &out)
	if w.buf = out.done(); len(w.buf) >= limit {
		return nil
	}
	return w.buf
}

// median is the one in the middle of v by size, which it sorts.
func median(v []int64) int64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// beatOf is the usual step of y, and to a 256th the mean of the steps that are about it.
func (w *writer) beatOf(y []int64) (step, pace int64) {
	steps := w.spare[:len(y)-1]
	for i := range steps {
		steps[i] = y[i+1] - y[i]
	}
	step = median(steps)
	sum, n := step, int64(1)
	for _, s := range steps {
		if s > step/2 && s < step*3/2 {
			sum, n = sum+s, n+1
		}
	}
	return step, sum << fraction / n
}

func appendRuns(dst []byte, x []int64) []byte {
	dst = append(dst, equalNumbers)
	before := int64(0)
	for i := 0; i < len(x); {
		run := 1
		for i+run < len(x) && x[i+run] == x[i] {
			run++
		}
		dst = binary.AppendUvarint(dst, uint64(run))
		dst = binary.AppendVarint(dst, x[i]-before)
		before = x[i]
		i += run
	}
	return dst
}

// appendSteps gives up when it is no shorter than limit.
func appendSteps(dst []byte, x []int64, limit int) []byte {
	dst = append(dst, equalSteps)
	dst = binary.AppendVarint(dst, x[0])
	run, before := 0, int64(0)
	for i := 1; i < len(x); i += run {
		step := x[i] - x[i-1]
		for run = 1; i+run < len(x) && x[i+run]-x[i+run-1] == step; {
			run++
		}
		dst = binary.AppendUvarint(dst, uint64(run))
		dst = binary.AppendVarint(dst, step-before)
		if before = step; len(dst) >= limit {
			return nil
		}
	}
	if len(dst) >= limit {
		return nil
	}
	return dst
}

// divisor is the greatest common divisor of all distances from the first, 1 when there are none.
func divisor(x []int64) int64 {
	g := uint64(0)
	for _, v := range x {
		u := uint64(max(v-x[0], x[0]-v))
		for u != 0 {
			g, u = u, g%u
		}
		if g == 1 {
			return 1
		}
	}
	return int64(max(g, 1))
}

// reader reads columns.
type reader struct {
	rest  []byte
	cells []int64
	runs  []int
}

func (r *reader) byte() (byte, bool) {
	if len(r.rest) == 0 {
		return 0, false
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b, true
}

func (r *reader) unsigned() (uint64, bool) {
	v, size := binary.Uvarint(r.rest)
	if size <= 0 {
		return 0, false
	}
	r.rest = r.rest[size:]
	return v, true
}

func (r *reader) signed() (int64, bool) {
	v, size := binary.Varint(r.rest)
	if size <= 0 {
		return 0, false
	}
	r.rest = r.rest[size:]
	return v, true
}

// column reads x, at least one number; turn is where they begin again.
func (r *reader) column(x []int64, turn int64) bool {
	shape, ok := r.byte()
	switch s, t := uint(shape>>4), uint(shape&15); {
	case !ok:
		return false
	case shape == equalNumbers:
		return r.equal(x)
	case shape == equalSteps:
		return r.steps(x)
	case s > fixed || t > fixed:
		return false
	default:
		return r.guessed(x, guesser{s, t}, turn)
	}
}

func (r *reader) equal(x []int64) bool {
	for v := int64(0); len(x) > 0; {
		run, ok := r.unsigned()
		more, told := r.signed()
		if !ok || !told || run == 0 || run > uint64(len(x)) {
			return false
		}
		v += more
		for i := range x[:run] {
			x[i] = v
		}
		x = x[run:]
	}
	return true
}

func (r *reader) steps(x []int64) bool {
	v, ok := r.signed()
	if !ok {
		return false
	}
	x[0] = v
	x = x[1:]
	for step := int64(0); len(x) > 0; {
		run, ok := r.unsigned()
		more, told := r.signed()
		if !ok || !told || run == 0 || run > uint64(len(x)) {
			return false
		}
		step += more
		for i := range x[:run] {
			v += step
			x[i] = v
		}
		x = x[run:]
	}
	return true
}

func (r *reader) guessed(x []int64, form guesser, turn int64) bool {
	zero, ok0 := r.signed()
	g, ok1 := r.unsigned()
	first, ok2 := r.signed()
	pace, ok3 := r.signed()
	wide, ok4 := r.byte()
	if !ok0 || !ok1 || !ok2 || !ok3 || !ok4 || g == 0 || g > 1<<53 || wide > 30 {
		return false
	}
	x[0] = zero
	level, spread := first<<fraction, int64(1)<<wide
	var byPlace, byPace int64 // gains; e·2^(8-s) is e·byPlace
	if form.s != fixed {
		byPlace = 1 << (fraction - form.s)
	}
	if form.t != fixed {
		byPace = 1 << (fraction - form.t)
	}
	in := bitReader{rest: r.rest}
	for i := 1; i < len(x); i++ {
		in.fill()
		k := restBits(spread)
		about := (level + 1<<(fraction-1)) >> fraction
		q := uint(bits.TrailingZeros64(in.hold))
		var e int64
		if q < mostQuotient {
			z := uint64(q)<<k | in.hold>>(q+1)&(1<<k-1)
			if !in.skip(q + 1 + k) {
				return false
			}
			e = int64(z>>1) ^ -int64(z&1)
			pace += e * byPace
			level += pace + e*byPlace
			spread += (int64(z)<<4 - spread) >> 4
		} else {
			w := uint(in.hold>>mostQuotient) & 63
			if !in.skip(mostQuotient + 6) {
				return false
			}
			in.fill()
			z := in.hold & (1<<w - 1)
			if w > 53 || !in.skip(w) {
				return false
			}
			e = int64(z>>1) ^ -int64(z&1)
			level = (about+e)<<fraction + pace
		}
		if x[i] = zero + int64(g)*(about+e); turn > 0 {
			x[i] = modulo(x[i], turn)
		}
	}
	r.rest = r.rest[len(r.rest)-len(in.rest)-int(in.held>>3):]
	return true
}

// bitReader reads what bitWriter wrote.
type bitReader struct {
	rest []byte // not yet in hold
	hold uint64
	held uint
}

// fill has at least 56 bits in hold, as far as there are any.
func (b *bitReader) fill() {
	if len(b.rest) >= 8 {
		b.hold |= binary.LittleEndian.Uint64(b.rest) << b.held
		n := (63 - b.held) >> 3
		b.rest = b.rest[n:]
		b.held += n << 3
		return
	}
	for b.held <= 56 && len(b.rest) > 0 {
		b.hold |= uint64(b.rest[0]) << b.held
		b.rest = b.rest[1:]
		b.held += 8
	}
}

func (b *bitReader) skip(n uint) bool {
	if n > b.held {
		return false
	}
	b.hold >>= n
	b.held -= n
	return true
}
