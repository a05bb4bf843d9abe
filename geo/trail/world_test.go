package trail

import (
	"encoding/csv"
	"encoding/xml"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/paulmach/orb"
)

// truth is a trace of which everything is known.
type truth struct {
	fixes  []Fix
	wrong  map[int]string // index in fixes → what was done to it
	stays  []Stay
	length float64
}

// spot is somebody's true place at an instant.
type spot struct {
	s    float64 // seconds
	x, y float64
}

// leg makes the true way of somebody, second by second.
type leg struct {
	r     *rand.Rand
	spots []spot
	stays []Stay
}

func (l *leg) at() spot { return l.spots[len(l.spots)-1] }

// walk goes through streets with blocks of some length: straight, corners, at a pace.
func (l *leg) walk(secs, pace, block float64) {
	heading := math.Pi / 2 * float64(l.r.IntN(4))
	left := block * (0.5 + l.r.Float64())
	v := pace
	for range int(secs) {
		p := l.at()
		v = min(max(v+0.05*pace*l.r.NormFloat64(), 0.6*pace), 1.4*pace)
		if left -= v; left < 0 {
			left = block * (0.5 + l.r.Float64())
			heading += []float64{-math.Pi / 2, math.Pi / 2, 0.4, -0.4}[l.r.IntN(4)]
		}
		l.spots = append(l.spots, spot{p.s + 1, p.x + v*math.Sin(heading), p.y + v*math.Cos(heading)})
	}
}

// rest stays where it is.
func (l *leg) rest(secs float64) {
	p := l.at()
	for range int(secs) {
		q := l.at()
		l.spots = append(l.spots, spot{q.s + 1, q.x, q.y})
	}
	if secs >= 240 {
		l.stays = append(l.stays, Stay{From: int64(p.s * 1000), To: int64(l.at().s * 1000), Point: orb.Point{p.x, p.y}})
	}
}

const epoch = 1_790_000_000_000

func toPoint(x, y float64) orb.Point {
	return orb.Point{114.2 + x/metresPerDegree/math.Cos(22.69*math.Pi/180), 22.69 + y/metresPerDegree}
}

func fromPoint(p orb.Point) (x, y float64) {
	return (p[0] - 114.2) * metresPerDegree * math.Cos(22.69*math.Pi/180), (p[1] - 22.69) * metresPerDegree
}

// sampled is what a phone says of the way: every dt seconds, with noise of sigma
// metres on each axis that forgets itself in tau seconds (0 = at once).
func (l *leg) sampled(dt, sigma, tau float64, accuracies bool) truth {
	var t truth
	t.wrong = map[int]string{}
	var ex, ey float64
	for i, p := range l.spots {
		if i > 0 {
			t.length += math.Hypot(p.x-l.spots[i-1].x, p.y-l.spots[i-1].y)
		}
	}
	for s := 0.0; s < float64(len(l.spots)-1); s += dt {
		keep := 0.0
		if tau > 0 {
			keep = math.Exp(-dt / tau)
		}
		add := sigma * math.Sqrt(1-keep*keep)
		ex, ey = ex*keep+add*l.r.NormFloat64(), ey*keep+add*l.r.NormFloat64()
		p := l.spots[int(s)]
		f := Fix{Ms: epoch + int64(s*1000), Point: toPoint(p.x+ex, p.y+ey), Accuracy: nan(), Speed: nan(), Course: nan()}
		if accuracies {
			f.Accuracy = float32(sigma * (1.2 + 0.6*l.r.Float64()))
		}
		t.fixes = append(t.fixes, f)
	}
	for _, s := range l.stays {
		s.From, s.To, s.Point = s.From+epoch, s.To+epoch, toPoint(s.Point[0], s.Point[1])
		t.stays = append(t.stays, s)
	}
	return t
}

// day is somebody's day of walks and stays.
func day(seed uint64, pace, block float64, hours float64) *leg {
	r := rand.New(rand.NewPCG(seed, 77))
	l := &leg{r: r, spots: []spot{{}}}
	for l.at().s < hours*3600 {
		l.walk(300+900*r.Float64(), pace, block)
		switch r.IntN(3) {
		case 0:
			l.rest(10 + 60*r.Float64())
		default:
			l.rest(300 + 900*r.Float64())
		}
	}
	l.walk(400, pace, block)
	return l
}

// harm injects every fault. Stays are not harmed at their very ends.
func (t *truth) harm(r *rand.Rand, what string, share float64) {
	n := len(t.fixes)
	dt := float64(t.fixes[1].Ms-t.fixes[0].Ms) / 1000
	near := func(i int) bool { // something else was done there
		for k := i - 3; k <= i+3; k++ {
			if t.wrong[k] != "" {
				return true
			}
		}
		return false
	}
	for range int(share * float64(n)) {
		i := 5 + r.IntN(n-80)
		if near(i) || t.bordering(t.fixes[i].Ms, t.fixes[min(i+map[string]int{"teleport": 8, "burst": 26, "freeze": 26}[what], n-1)].Ms) {
			continue
		}
		a := r.Float64() * 2 * math.Pi
		move := func(i int, d float64) {
			x, y := fromPoint(t.fixes[i].Point)
			t.fixes[i].Point = toPoint(x+d*math.Sin(a), y+d*math.Cos(a))
		}
		switch what {
		case "teleport":
			k, d := 1+r.IntN(6), 1000+20000*r.Float64()
			for j := range k {
				move(i+j, d+5*r.NormFloat64())
				t.wrong[i+j] = what
			}
		case "spike":
			move(i, 100+400*r.Float64()+3*dt)
			t.wrong[i] = what
		case "zero":
			t.fixes[i].Point = orb.Point{}
			t.wrong[i] = what
		case "clock":
			t.fixes[i].Ms += []int64{-20 * 365 * 86400_000, 86400_000 * 3, -7 * 86400_000, 400 * 86400_000}[r.IntN(4)] + int64(r.IntN(1000))
			t.wrong[i] = what
		case "skew": // minutes or an hour off, amid the others
			k := 1 + r.IntN(5)
			by := int64(600+3000*r.Float64()) * 1000
			if i*2 > n {
				by = -by
			}
			for j := range k {
				t.fixes[i+j].Ms += by + 137
				t.wrong[i+j] = what
			}
		case "freeze":
			k := 20 + r.IntN(5)
			for j := 1; j <= k && i+j < n; j++ {
				if t.wrong[i+j] != "" {
					break
				}
				t.fixes[i+j].Point = t.fixes[i].Point
				t.wrong[i+j] = what
			}
		case "burst":
			k, s := 5+r.IntN(20), 50+100*r.Float64()
			for j := range k {
				if t.wrong[i+j] != "" {
					break
				}
				x, y := fromPoint(t.fixes[i+j].Point)
				t.fixes[i+j].Point = toPoint(x+s*r.NormFloat64(), y+s*r.NormFloat64())
				if a := t.fixes[i+j].Accuracy; a == a {
					t.fixes[i+j].Accuracy = float32(s * (0.8 + 0.6*r.Float64()))
				}
				t.wrong[i+j] = what
			}
		}
	}
}

// bordering reports whether a stay begins or ends about then.
func (t *truth) bordering(from, to int64) bool {
	return slices.ContainsFunc(t.stays, func(s Stay) bool {
		return from-60_000 < s.From && to+60_000 > s.From || from-60_000 < s.To && to+60_000 > s.To
	})
}

// gap takes fixes away for a while, not within stays.
func (t *truth) gap(r *rand.Rand, secs float64) {
	n := len(t.fixes)
	for range 50 {
		i := 20 + r.IntN(n-60)
		from, to := t.fixes[i].Ms, t.fixes[i].Ms+int64(secs*1000)
		if slices.ContainsFunc(t.stays, func(s Stay) bool { return from < s.To+60_000 && to > s.From-60_000 }) {
			continue
		}
		var fixes []Fix
		wrong := map[int]string{}
		for k, f := range t.fixes {
			if k > 0 && f.Ms > from && f.Ms < to {
				continue
			}
			if w := t.wrong[k]; w != "" {
				wrong[len(fixes)] = w
			}
			fixes = append(fixes, f)
		}
		t.fixes, t.wrong = fixes, wrong
		return
	}
}

// score is how well a trail agrees with the truth.
type score struct {
	hit, missed, false int
	byKind             map[string][2]int
	length             float64 // relative error
	stays, found       int
	late, off          []float64 // of each stay that was found
	extra              int
}

func (t *truth) judge(got Trail) score {
	s := score{byKind: map[string][2]int{}}
	kinds := map[Fix]string{}
	key := func(f Fix) Fix { f.Accuracy, f.Speed, f.Course = 0, 0, 0; return f }
	for i, f := range t.fixes {
		kinds[key(f)] = t.wrong[i]
	}
	for _, j := range got.Fixes {
		kind := kinds[key(j.Fix)]
		c := s.byKind[kind]
		switch {
		case kind != "" && j.Why != Good:
			s.hit++
			c[0]++
		case kind != "":
			s.missed++
			c[1]++
		case j.Why != Good && j.Why != Duplicate:
			s.false++
			c[1]++
		}
		s.byKind[kind] = c
	}
	s.length = got.LengthM/t.length - 1
	s.stays = len(t.stays)
	used := map[int]bool{}
	for _, want := range t.stays {
		best, at := int64(math.MaxInt64), -1
		for i, g := range got.Stays {
			if o := min(g.To, want.To) - max(g.From, want.From); o > 0 && !used[i] {
				if d := max(g.From-want.From, want.From-g.From, g.To-want.To, want.To-g.To); d < best {
					best, at = d, i
				}
			}
		}
		if at < 0 {
			continue
		}
		used[at] = true
		g := got.Stays[at]
		off := Metres(g.Point, want.Point)
		s.late, s.off = append(s.late, float64(best)/1000), append(s.off, off)
		s.found++
	}
	s.extra = len(got.Stays) - len(used)
	return s
}

func (s score) precision() float64 {
	if s.hit+s.false == 0 {
		return 1
	}
	return float64(s.hit) / float64(s.hit+s.false)
}

func (s score) recall() float64 {
	if s.hit+s.missed == 0 {
		return 1
	}
	return float64(s.hit) / float64(s.hit+s.missed)
}

// gpxTrack reads the timed points of a GPX file of testdata.
func gpxTrack(tb testing.TB, name string) []Fix {
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	var doc struct {
		Points []struct {
			Lat  float64 `xml:"lat,attr"`
			Lon  float64 `xml:"lon,attr"`
			Time string  `xml:"time"`
		} `xml:"trk>trkseg>trkpt"`
	}
	if err := xml.Unmarshal(text, &doc); err != nil {
		tb.Fatal(err)
	}
	var out []Fix
	for _, p := range doc.Points {
		if at, err := time.Parse(time.RFC3339, p.Time); err == nil {
			out = append(out, Fix{Ms: at.UnixMilli(), Point: orb.Point{p.Lon, p.Lat}, Accuracy: nan(), Speed: nan(), Course: nan()})
		}
	}
	return out
}

// csvTrack reads a track of testdata with a header.
func csvTrack(tb testing.TB, name string, comma rune, lon, lat, at, layout string) []Fix {
	file, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	r := csv.NewReader(strings.NewReader(string(file)))
	r.Comma = comma
	rows, err := r.ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	var out []Fix
	for _, cells := range rows[1:] {
		row := map[string]string{}
		for i, c := range cells {
			row[rows[0][i]] = c
		}
		x, err1 := strconv.ParseFloat(row[lon], 64)
		y, err2 := strconv.ParseFloat(row[lat], 64)
		t, err3 := time.Parse(layout, row[at])
		if err1 == nil && err2 == nil && err3 == nil {
			out = append(out, Fix{Ms: t.UnixMilli(), Point: orb.Point{x, y}, Accuracy: nan(), Speed: nan(), Course: nan()})
		}
	}
	slices.SortFunc(out, compare)
	return out
}
