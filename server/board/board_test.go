package board

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"github.com/gridward/gridward/server/fleet"
)

var (
	noon   = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	patrol = uuid.MustParse("01990000-0000-7000-8000-000000000001")
	later  = uuid.MustParse("01990000-0000-7000-8000-000000000002")
	scope  = []string{"1."}
)

func clock() time.Time { return noon }

func fix(worker int64, s int, change ...func(*fleet.Fix)) fleet.Fix {
	f := fleet.Fix{Region: 1, Worker: worker, Device: worker * 10, At: noon.Add(time.Duration(s) * time.Second), Point: orb.Point{114.2 + float64(s)*1e-4, 22.7},
		Session: patrol, Org: 2, OrgPath: "1.2.", Interval: 10 * time.Second, Speed: 1.4, Accuracy: 5}
	for _, c := range change {
		c(&f)
	}
	return f
}

// with makes a board that knows workers 1 to 5, a vehicle 9, and who is on duty.
func with(on ...int64) *Board {
	b := New(clock)
	people := []fleet.Person{{ID: 9, Name: "巡逻车", Kind: "vehicle"}}
	for id := int64(1); id <= 5; id++ {
		people = append(people, fleet.Person{ID: id, Name: "张伟", Kind: "person"})
	}
	b.meet(people)
	for _, id := range on {
		b.On(id, patrol)
	}
	return b
}

// Whatever order fixes come in, and however often: each worker stands where
// its newest plausible fix is, and the nearest agree.
func TestTheNewestPlausibleFixWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := with(1, 2, 3)
		fixes := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) fleet.Fix {
			f := fix(rapid.Int64Range(1, 3).Draw(t, "worker"), rapid.IntRange(0, 50).Draw(t, "second"))
			f.Flags = rapid.SampledFrom([]fleet.Flag{0, 0, fleet.Late, fleet.Inaccurate, fleet.TooFast, fleet.FutureClock}).Draw(t, "flags")
			return f
		}), 1, 60).Draw(t, "fixes")
		newest := map[int64]fleet.Fix{}
		for _, f := range fixes {
			if old, ok := newest[f.Worker]; f.Plausible() && (!ok || f.At.After(old.At)) {
				newest[f.Worker] = f
			}
		}
		order := rapid.Permutation(slices.Concat(fixes, fixes)).Draw(t, "order")
		for chunk := range slices.Chunk(order, rapid.IntRange(1, 9).Draw(t, "chunk")) {
			b.Put(chunk)
		}
		for worker := int64(1); worker <= 3; worker++ {
			e, ok := b.Get(worker)
			want, should := newest[worker]
			if ok != should || ok && (!e.At.Equal(want.At) || e.Point != want.Point) {
				t.Fatalf("worker %d is %v at %v, should be %v at %v", worker, ok, e.At, should, want.At)
			}
		}
		if near := b.Nearest(orb.Point{114.2, 22.7}, 5, scope, nil); len(near) != len(newest) {
			t.Fatalf("%d are near, not %d", len(near), len(newest))
		}
	})
}

// Drain, applied to a copy, gives the board: nothing is told twice or forgotten.
func TestDrainKeepsACopyTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := with()
		now, next := noon, 0
		b.clock = func() time.Time { return now }
		copied := map[uint32]Entry{}
		owner := map[uint32]int64{}
		visit := func(c Change) {
			if c.Gone {
				if _, ok := copied[c.Mark]; !ok {
					t.Fatalf("mark %d left and was never there", c.Mark)
				}
				delete(copied, c.Mark)
				return
			}
			if o, ok := owner[c.Mark]; ok && o != c.Entry.Worker {
				t.Fatalf("mark %d was worker %d and is %d", c.Mark, o, c.Entry.Worker)
			}
			if old, ok := copied[c.Mark]; ok && old.OrgPath != c.Was || !ok && c.Was != "" {
				t.Fatalf("was %q", c.Was)
			}
			owner[c.Mark], copied[c.Mark] = c.Entry.Worker, *c.Entry
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				next++
				b.Put([]fleet.Fix{fix(rapid.Int64Range(1, 6).Draw(t, "worker"), next, func(f *fleet.Fix) {
					f.Session = rapid.SampledFrom([]uuid.UUID{patrol, later, {}}).Draw(t, "session")
					f.OrgPath = rapid.SampledFrom([]string{"1.2.", "1.3."}).Draw(t, "path")
				})})
			},
			"on": func(t *rapid.T) {
				b.On(rapid.Int64Range(1, 6).Draw(t, "worker"), rapid.SampledFrom([]uuid.UUID{patrol, later}).Draw(t, "s"))
			},
			"off": func(t *rapid.T) {
				b.Off(rapid.Int64Range(1, 6).Draw(t, "worker"), rapid.SampledFrom([]uuid.UUID{patrol, later}).Draw(t, "s"))
			},
			"sos": func(t *rapid.T) { b.SOS(rapid.Int64Range(1, 6).Draw(t, "worker"), rapid.Bool().Draw(t, "open")) },
			"settle": func(t *rapid.T) {
				now = now.Add(time.Second)
				b.settle(now, rapid.SliceOfN(rapid.Custom(func(t *rapid.T) fleet.OnDuty {
					return fleet.OnDuty{Worker: rapid.Int64Range(1, 6).Draw(t, "w"), Session: rapid.SampledFrom([]uuid.UUID{patrol, later, {}}).Draw(t, "s"), Shift: rapid.Bool().Draw(t, "shift")}
				}), 0, 6).Draw(t, "duties"))
			},
			"": func(t *rapid.T) {
				b.Drain(now, visit)
				all := b.All(scope)
				if len(all) != len(copied) {
					t.Fatalf("the copy has %d, the board %d", len(copied), len(all))
				}
				b.Each(scope, func(mark uint32, e *Entry) {
					if c, ok := copied[mark]; !ok || !c.At.Equal(e.At) || c.OrgPath != e.OrgPath || c.Calling != e.Calling {
						t.Fatalf("mark %d is %+v in the copy, %+v on the board", mark, c, *e)
					}
				})
				if n := b.near.Len(); n != len(all) {
					t.Fatalf("%d in the index, %d on the board", n, len(all))
				}
				if len(b.slots) != len(b.marks) {
					t.Fatalf("%d slots, %d marks", len(b.slots), len(b.marks))
				}
			},
		})
	})
}

func TestWhoIsDrawn(t *testing.T) {
	noSession := func(f *fleet.Fix) { f.Session = uuid.UUID{} }
	for what, tc := range map[string]struct {
		do    func(b *Board)
		drawn bool
	}{
		"on duty":                            {func(b *Board) { b.On(1, patrol); b.Put([]fleet.Fix{fix(1, 0)}) }, true},
		"the fix was heard of first":         {func(b *Board) { b.Put([]fleet.Fix{fix(1, 0)}); b.On(1, patrol) }, true},
		"the duty is not known":              {func(b *Board) { b.Put([]fleet.Fix{fix(1, 0)}) }, false},
		"no fix yet":                         {func(b *Board) { b.On(1, patrol) }, false},
		"another duty than the fix's":        {func(b *Board) { b.On(1, later); b.Put([]fleet.Fix{fix(1, 0)}) }, false},
		"the duty ended":                     {func(b *Board) { b.On(1, patrol); b.Put([]fleet.Fix{fix(1, 0)}); b.Off(1, patrol) }, false},
		"a late fix after the end":           {func(b *Board) { b.On(1, patrol); b.Off(1, patrol); b.Put([]fleet.Fix{fix(1, 0)}) }, false},
		"reopened":                           {func(b *Board) { b.On(1, patrol); b.Put([]fleet.Fix{fix(1, 0)}); b.Off(1, patrol); b.On(1, patrol) }, true},
		"the end of an older duty":           {func(b *Board) { b.On(1, patrol); b.Put([]fleet.Fix{fix(1, 0)}); b.Off(1, later) }, true},
		"a shift":                            {func(b *Board) { b.Put([]fleet.Fix{fix(1, 0, noSession)}) }, true},
		"a shift that the database denies":   {func(b *Board) { b.Put([]fleet.Fix{fix(1, 0, noSession)}); b.settle(noon.Add(time.Second), nil) }, false},
		"older truth does not end a shift":   {func(b *Board) { b.Put([]fleet.Fix{fix(1, 0, noSession)}); b.settle(noon.Add(-time.Second), nil) }, true},
		"a session that the database denies": {func(b *Board) { b.On(1, patrol); b.Put([]fleet.Fix{fix(1, 0)}); b.settle(noon.Add(time.Second), nil) }, false},
		"an SOS off duty": {func(b *Board) {
			b.Put([]fleet.Fix{fix(1, 0, noSession, func(f *fleet.Fix) { f.Flags = fleet.SOS | fleet.OffDutySOS })})
			b.SOS(1, true)
		}, true},
		"an SOS off duty that is over": {func(b *Board) {
			b.SOS(1, true)
			b.Put([]fleet.Fix{fix(1, 0, noSession, func(f *fleet.Fix) { f.Flags = fleet.SOS | fleet.OffDutySOS })})
			b.SOS(1, false)
		}, false},
		"a stranger": {func(b *Board) { b.On(77, patrol); b.Put([]fleet.Fix{fix(77, 0)}) }, false},
	} {
		t.Run(what, func(t *testing.T) {
			b := with()
			tc.do(b)
			if drawn := len(b.All(scope)) == 1; drawn != tc.drawn {
				t.Errorf("drawn is %v", drawn)
			}
		})
	}
	t.Run("a vehicle is always on duty", func(t *testing.T) {
		b := with()
		b.Put([]fleet.Fix{fix(9, 0, noSession)})
		b.settle(noon.Add(time.Second), nil)
		if _, ok := b.Get(9); !ok {
			t.Error("the vehicle is gone")
		}
	})
}

func TestTheDeviceWithPriorityHoldsTheMarkerUntilItIsOverdue(t *testing.T) {
	phone := func(f *fleet.Fix) { f.Device, f.Priority = 1, 5 }
	tracker := func(f *fleet.Fix) { f.Device, f.Priority = 2, 0 }
	b := with(1)
	for i, step := range []struct {
		f      fleet.Fix
		device int64
	}{
		{fix(1, 0, tracker), 2}, {fix(1, 5, phone), 1}, {fix(1, 60, tracker), 1}, {fix(1, 126, tracker), 2}, {fix(1, 120, phone), 2}, {fix(1, 130, phone), 1},
	} {
		b.Put([]fleet.Fix{step.f})
		if e, _ := b.Get(1); e.Device != step.device {
			t.Errorf("step %d: device %d holds the marker", i, e.Device)
		}
	}
}

func TestIdleIsTenMinutesWithinThirtyMetres(t *testing.T) {
	b := with(1)
	stand := func(f *fleet.Fix) { f.Point, f.Speed = orb.Point{114.2, 22.7}, fleet.Unknown() }
	for s := 0; s <= 660; s += 30 {
		b.Put([]fleet.Fix{fix(1, s, stand, func(f *fleet.Fix) { f.Point[0] += float64(s%60) / 60 * 1e-4 })}) // 5 m of noise
	}
	e, _ := b.Get(1)
	if p := e.Presence(noon.Add(660 * time.Second)); p != fleet.Idle {
		t.Errorf("standing is %v", p)
	}
	b.Put([]fleet.Fix{fix(1, 690, stand, func(f *fleet.Fix) { f.Point[0] += 1e-3 })})
	e, _ = b.Get(1)
	if p := e.Presence(noon.Add(690 * time.Second)); p != fleet.Online {
		t.Errorf("a hundred metres on he is %v", p)
	}
}

func TestScopeAndSummary(t *testing.T) {
	b := with(1, 2, 3)
	b.Put([]fleet.Fix{fix(1, -600), fix(2, 0), fix(3, 0, func(f *fleet.Fix) { f.OrgPath = "1.3." })})
	b.SOS(3, true)
	if got := b.Summary(scope); got != (Summary{Total: 3, Online: 1, Stale: 1, SOS: 1}) {
		t.Errorf("%+v", got)
	}
	if got := b.Summary([]string{"1.3."}); got != (Summary{Total: 1, SOS: 1}) {
		t.Errorf("%+v", got)
	}
	if near := b.Nearest(orb.Point{114.2, 22.7}, 1, scope, func(e *Entry) bool { return e.Worker != 2 }); len(near) != 1 || near[0].Worker != 3 {
		t.Errorf("%+v", near)
	}
}

func TestPacketsComeThrough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fixes := []fleet.Fix{fix(1, rapid.IntRange(-1000, 1000).Draw(t, "s")), fix(2, 3, func(f *fleet.Fix) {
			f.Flags, f.OrgPath, f.Priority = fleet.Late, rapid.StringMatching(`[0-9.]{0,20}`).Draw(t, "path"), -3
			f.Battery = -1
		})}
		got, err := Unpack(Pack(fixes))
		if err != nil || !slices.Equal(got, fixes) {
			t.Fatalf("%v\n%+v\n%+v", err, got, fixes)
		}
	})
}

func FuzzUnpack(f *testing.F) {
	f.Add(Pack([]fleet.Fix{fix(1, 0), fix(2, 5)}))
	f.Add([]byte{packet, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		if fixes, err := Unpack(data); err == nil && len(fixes) > len(data) {
			t.Errorf("%d fixes in %d bytes", len(fixes), len(data))
		}
	})
}

// Everything at once, for the race detector.
func TestConcurrentUse(t *testing.T) {
	b := with(1, 2, 3, 4, 5)
	var wait sync.WaitGroup
	for worker := int64(1); worker <= 5; worker++ {
		wait.Go(func() {
			for s := range 200 {
				b.Put([]fleet.Fix{fix(worker, s)})
				if s%50 == 49 {
					b.Off(worker, patrol)
					b.On(worker, patrol)
				}
			}
		})
	}
	wait.Go(func() {
		for range 200 {
			b.Drain(noon, func(Change) {})
			b.Nearest(orb.Point{114.2, 22.7}, 3, scope, nil)
			b.Summary(scope)
			b.settle(noon.Add(-time.Hour), nil)
		}
	})
	wait.Wait()
	for worker := int64(1); worker <= 5; worker++ {
		if e, ok := b.Get(worker); !ok || !e.At.Equal(noon.Add(199*time.Second)) {
			t.Errorf("worker %d: %v at %v", worker, ok, e.At)
		}
	}
}
