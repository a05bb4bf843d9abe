package simulate

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/paulmach/orb"
)

// doing is what a walker is busy with.
type doing uint8

const (
	walking  doing = iota
	talking        // stands on the street for a moment
	visiting       // indoors, at somebody's door
	resting        // a break: sits, charges the phone
)

// The model's figures. Paces are m/s, chances per second.
const (
	slowest, fastest = 0.5, 1.9 // of anybody on foot, whatever the mood
	topCar           = 22.0
	sidewalk         = 4.0  // metres beside the centre line
	deepest          = 22.0 // metres from the sidewalk into a building
	talkChance       = 1.0 / 240
	visitChance      = 1.0 / 700
	restChance       = 1.0 / 7000
	redLight         = 0.12 // at a junction, for cars
)

// Reading is what the phone's chip says.
type Reading struct {
	Point    orb.Point
	Accuracy float64 // metres, what the chip believes
	Speed    float64 // m/s
	Course   float64 // degrees, NaN when it stands
	Altitude float64
	Battery  int
	Seen     bool // false: no satellites in sight, the phone has nothing to say
}

// Walker is one worker on foot, or one car. It is pure: no clock, no network.
type Walker struct {
	ground  *Ground
	roads   *graph
	home    *home // nil: goes anywhere
	car     bool
	rng     *rand.Rand
	from    int32
	to      int32
	road    float64 // what a car drives on the present edge
	along   float64 // metres from from
	pace    float64 // what this one likes to walk
	speed   float64
	side    vec     // from the centre line to where it is: sidewalk, or inside a building
	aim     vec     // where side is drifting to
	ease    float64 // seconds that the better part of the drift takes
	busy    doing
	left    float64 // seconds until it does something else
	drift   gaussMarkov
	sigma   float64 // of this phone in the open, metres
	battery float64
	height  float64
}

// NewWalker puts a walker on a street of the block with this code, or of
// anywhere when the code is not known. The same seed walks the same way.
func (g *Ground) NewWalker(code string, car bool, seed uint64) *Walker {
	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	w := &Walker{ground: g, roads: &g.walk, car: car, rng: rng,
		ease: 6, pace: 0.85 + 0.55*rng.Float64(), sigma: 1.5 + 2.5*rng.Float64(), battery: 45 + 55*rng.Float64(), height: 25 + 20*rng.Float64()}
	if car && len(g.drive.usable) > 0 {
		w.roads, w.pace = &g.drive, 0.75+0.4*rng.Float64() // a share of what the road allows
	}
	w.from = w.roads.anywhere(rng)
	if i, ok := g.codes[code]; ok && !car {
		w.home = &g.homes[i]
		w.from = w.home.nodes[rng.IntN(len(w.home.nodes))]
	}
	w.settle()
	return w
}

// NewWalkerAt puts a walker on the street nearest to a place; the block there,
// if there is one, is its home.
func (g *Ground) NewWalkerAt(p orb.Point, car bool, seed uint64) *Walker {
	w := g.NewWalker("", car, seed)
	at, best := g.flat(p), math.Inf(1)
	for _, n := range w.roads.usable {
		if d := w.roads.nodes[n].sub(at).length(); d < best {
			best, w.from = d, n
		}
	}
	for i := range g.homes {
		if !car && g.homes[i].far[w.from] == 0 {
			w.home = &g.homes[i]
			break
		}
	}
	w.settle()
	return w
}

// settle is a walker's first moment at the node from.
func (w *Walker) settle() {
	rng := w.rng
	w.to, w.busy = w.from, walking
	w.turn()
	w.along = rng.Float64() * w.length()
	w.speed = w.wish() * rng.Float64()
	w.side = w.kerb()
	w.aim = w.side
	for range 30 { // the chip has been on for a while
		w.drift.step(1, w.sigma, rng)
	}
}

func (w *Walker) length() float64 { return w.roads.nodes[w.to].sub(w.roads.nodes[w.from]).length() }

func (w *Walker) heading() vec { return w.roads.nodes[w.to].sub(w.roads.nodes[w.from]).unit() }

// kerb is the right-hand side of the street.
func (w *Walker) kerb() vec {
	h := w.heading()
	off := sidewalk
	if w.car {
		off = 1.8
	}
	return vec{h.y, -h.x}.times(off)
}

func (w *Walker) wish() float64 {
	if w.car {
		return w.pace * w.road
	}
	return w.pace
}

// where is the true place.
func (w *Walker) where() vec {
	k := 0.0
	if l := w.length(); l > 0 {
		k = w.along / l
	}
	return lerp(w.roads.nodes[w.from], w.roads.nodes[w.to], k).add(w.side)
}

// At returns the true place, which only the simulation knows.
func (w *Walker) At() orb.Point { return w.ground.point(w.where()) }

// Indoors reports whether the walker is inside a building.
func (w *Walker) Indoors() bool { return w.busy == visiting || (w.busy == resting && !w.car) }

// Advance lets d go by, a second at a time.
func (w *Walker) Advance(d time.Duration) {
	for s := d.Seconds(); s > 1e-9; s-- {
		w.second(min(s, 1))
	}
}

func (w *Walker) second(dt float64) {
	w.side = lerp(w.side, w.aim, 1-math.Exp(-dt/w.ease))
	w.drift.step(dt, w.err(), w.rng)
	if w.busy == resting {
		w.battery = min(100, w.battery+dt*30/3600)
	} else {
		w.battery = max(3, w.battery-dt*7/3600)
	}
	if w.busy != walking {
		w.speed = 0
		if w.left -= dt; w.left <= 0 {
			w.busy, w.aim = walking, w.kerb()
		}
		return
	}
	wish := w.wish()
	ease, jolt := 0.25, 0.07
	if w.car {
		ease, jolt = 0.15, 0.4
	}
	w.speed += (wish-w.speed)*(1-math.Exp(-ease*dt)) + jolt*math.Sqrt(dt)*w.rng.NormFloat64()
	if w.car {
		w.speed = clamp(w.speed, 0, topCar)
	} else {
		w.speed = clamp(w.speed, slowest, fastest)
	}
	w.along += w.speed * dt
	for w.along >= w.length() && w.busy == walking {
		w.along -= w.length()
		w.turn()
	}
	if w.busy == walking {
		w.chance(dt)
	}
}

// chance lets something else come up.
func (w *Walker) chance(dt float64) {
	r := w.rng.Float64() / dt
	switch {
	case w.car:
		if r < restChance {
			w.busy, w.left = resting, 300+900*w.rng.Float64()
		}
	case r < restChance:
		w.busy, w.left = resting, 600+900*w.rng.Float64()
		w.aim = w.kerb().add(w.inside())
	case r < restChance+visitChance:
		w.busy, w.left = visiting, 150+700*w.rng.Float64()*w.rng.Float64()
		w.aim = w.kerb().add(w.inside())
	case r < restChance+visitChance+talkChance:
		w.busy, w.left = talking, 10+80*w.rng.Float64()
	}
}

// callAt sends the walker through a door near by, across the yard.
func (w *Walker) callAt(door orb.Point) {
	way := w.ground.flat(door).sub(w.where().sub(w.side))
	w.busy, w.left, w.aim = visiting, 220+500*w.rng.Float64()*w.rng.Float64(), way
	w.ease = max(6, way.sub(w.side).length()/1.4)
}

// inside is the way from the sidewalk through a door.
func (w *Walker) inside() vec {
	return w.kerb().unit().times(8 + (deepest-8)*w.rng.Float64())
}

// turn chooses the next edge at the end of this one.
func (w *Walker) turn() {
	came, at := w.from, w.to
	steps := w.roads.out[at]
	if len(steps) == 0 { // a one-way street without an end: begin somewhere else
		w.from = w.roads.anywhere(w.rng)
		w.to, w.along = w.from, 0
		steps, came, at = w.roads.out[w.from], w.from, w.from
	}
	before := w.roads.nodes[at].sub(w.roads.nodes[came]).unit()
	var weights [16]float64
	sum := 0.0
	for i, s := range steps[:min(len(steps), len(weights))] {
		after := w.roads.nodes[s.to].sub(w.roads.nodes[at]).unit()
		k := 1.2 + before.dot(after)
		switch {
		case s.to == came && len(steps) > 1:
			k = 0.004
			if w.home != nil && w.home.far[at] > 25 { // strayed: turning round is no surprise
				k = 0.15
			}
		case w.car:
			k *= s.pace
		}
		if w.home != nil {
			here, there := w.home.far[at], w.home.far[s.to]
			switch {
			case here > 0 && there > here: // away from home
				k *= 0.08
			case here == 0 && there > 0:
				k *= 0.12
			}
		}
		weights[i] = k
		sum += k
	}
	pick, r := 0, w.rng.Float64()*sum
	for i := range steps[:min(len(steps), len(weights))] {
		pick = i
		if r -= weights[i]; r < 0 {
			break
		}
	}
	w.from, w.to, w.road = at, steps[pick].to, steps[pick].pace
	if w.busy == walking {
		w.aim = w.kerb()
	}
	if w.car && len(steps) > 2 {
		w.speed *= 0.6
		if w.rng.Float64() < redLight {
			w.busy, w.left = talking, 8+40*w.rng.Float64()
		}
	}
}

// err is how far the chip may be off at the moment, one sigma.
func (w *Walker) err() float64 {
	switch {
	case w.Indoors():
		return 8 + 4*w.sigma
	case w.car:
		return 1 + w.sigma/2
	}
	return w.sigma
}

// Sample is what the chip reads now.
func (w *Walker) Sample() Reading {
	e := w.err()
	r := Reading{
		Point:    w.ground.point(w.where().add(w.drift.at)),
		Accuracy: e * (1.3 + 0.5*w.rng.Float64()),
		Speed:    max(0, w.speed+0.12*w.rng.NormFloat64()),
		Course:   math.NaN(),
		Altitude: w.height + w.rng.NormFloat64(),
		Battery:  int(w.battery),
		Seen:     true,
	}
	switch {
	case w.speed > 0.3:
		r.Course = math.Mod(w.heading().course()+6*w.rng.NormFloat64()/max(1, w.speed/3)+360, 360)
	default:
		r.Speed = max(0, 0.08*w.rng.NormFloat64())
	}
	if w.Indoors() && w.rng.Float64() < 0.55 {
		r.Seen = false
	}
	return r
}

// gaussMarkov is an error that wanders and comes back: what a chip's error
// does between one fix and the next, instead of jumping about.
type gaussMarkov struct{ at vec }

const wander = 25.0 // seconds until an error has mostly forgotten itself

func (n *gaussMarkov) step(dt, sigma float64, rng *rand.Rand) {
	keep := math.Exp(-dt / wander)
	add := sigma * math.Sqrt(1-keep*keep)
	// never beyond four sigma, except on the way back from a place with a larger one
	mx, my := max(4*sigma, math.Abs(n.at.x)), max(4*sigma, math.Abs(n.at.y))
	n.at.x = clamp(n.at.x*keep+add*rng.NormFloat64(), -mx, mx)
	n.at.y = clamp(n.at.y*keep+add*rng.NormFloat64(), -my, my)
}
