package simulate

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

// Spread counts durations in buckets five per cent wide, from 50 µs up. It is
// safe for concurrent use, and ready as it is.
type Spread struct {
	count   atomic.Int64
	largest atomic.Int64
	buckets [400]atomic.Int64
}

const (
	finest = 50 * time.Microsecond
	ratio  = 1.05
)

var logRatio = math.Log(ratio)

// Add counts one duration.
func (s *Spread) Add(d time.Duration) {
	i := 0
	if d > finest {
		i = min(len(s.buckets)-1, int(math.Ceil(math.Log(float64(d)/float64(finest))/logRatio)))
	}
	s.buckets[i].Add(1)
	s.count.Add(1)
	for {
		old := s.largest.Load()
		if int64(d) <= old || s.largest.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// Count is how many were added.
func (s *Spread) Count() int64 { return s.count.Load() }

// Max is the largest that was added.
func (s *Spread) Max() time.Duration { return time.Duration(s.largest.Load()) }

// Quantile returns the duration that the share q of all lies at or under,
// at most five per cent too high; 0 when nothing was added.
func (s *Spread) Quantile(q float64) time.Duration {
	want := int64(math.Ceil(q * float64(s.count.Load())))
	for i := range s.buckets {
		if want -= s.buckets[i].Load(); want <= 0 && s.count.Load() > 0 {
			return min(s.Max(), time.Duration(float64(finest)*math.Pow(ratio, float64(i))))
		}
	}
	return s.Max()
}

// Reset forgets everything.
func (s *Spread) Reset() {
	s.count.Store(0)
	s.largest.Store(0)
	for i := range s.buckets {
		s.buckets[i].Store(0)
	}
}

// Merge adds all that other counted.
func (s *Spread) Merge(other *Spread) {
	for i := range s.buckets {
		s.buckets[i].Add(other.buckets[i].Load())
	}
	s.count.Add(other.count.Load())
	s.largest.Store(max(s.largest.Load(), other.largest.Load()))
}

func (s *Spread) String() string {
	if s.Count() == 0 {
		return "—"
	}
	round := func(d time.Duration) time.Duration { return d.Round(max(10*time.Microsecond, d/200)) }
	return fmt.Sprintf("p50 %v, p99 %v, max %v", round(s.Quantile(0.5)), round(s.Quantile(0.99)), round(s.Max()))
}
