package simulate

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Measurement is what a crowd and some screens saw of a server for a while.
type Measurement struct {
	For            time.Duration
	Workers        int
	Screens        int
	Interval       time.Duration
	Latency        *Spread // phone → screen: from a fix's own time to its arrival on a screen
	Answer         *Spread // phone → acknowledgement, from the start of the request
	Lateness       *Spread // what the sender itself added before its request
	Made, Acked    float64 // fixes a second
	Counters       Counters
	Points, Frames float64 // on all screens, a second
	BytesPerPoint  float64
	Memory         int64 // resident bytes of the server; 0 = not known
	Wrong          []string
	NotLive        int // screens that were not live at the end
}

// Measure lets the crowd work before the screens: settle first, then measure
// for as long as told. It ends the crowd.
func Measure(ctx context.Context, crowd *Crowd, screens []*Screen, settle, during time.Duration, memory func(context.Context) int64) (Measurement, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	errs := make(chan error, len(screens)+1)
	running.Go(func() { errs <- crowd.Run(ctx) })
	watch, dark := context.WithCancel(context.WithoutCancel(ctx))
	defer dark()
	for _, s := range screens {
		running.Go(func() { errs <- s.Run(watch) })
	}
	pause := func(d time.Duration) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-errs:
			if err == nil {
				err = fmt.Errorf("a part of the simulation ended too early")
			}
			return err
		case <-time.After(d):
			return nil
		}
	}
	m := Measurement{Workers: len(crowd.phones), Screens: len(screens), Interval: crowd.o.Interval, Latency: &Spread{}, Answer: &crowd.Answer, Lateness: &crowd.Lateness}
	err := pause(settle)
	for _, s := range screens {
		s.Latency.Reset()
	}
	crowd.Answer.Reset()
	crowd.Lateness.Reset()
	began, before, seen := time.Now(), crowd.Counters(), sum(screens)
	if err == nil {
		err = pause(during)
	}
	m.For = time.Since(began)
	m.Counters = crowd.Counters()
	m.Made = float64(m.Counters.Made-before.Made) / m.For.Seconds()
	m.Acked = float64(m.Counters.Acked-before.Acked) / m.For.Seconds()
	now := sum(screens)
	m.Points = float64(now.Points-seen.Points) / m.For.Seconds()
	m.Frames = float64(now.Frames-seen.Frames) / m.For.Seconds()
	if n := now.Points - seen.Points; n > 0 {
		m.BytesPerPoint = float64(now.Bytes-seen.Bytes) / float64(n)
	}
	for _, s := range screens {
		m.Latency.Merge(&s.Latency)
		m.Wrong = append(m.Wrong, s.Wrong()...)
		if !s.Stats().Live {
			m.NotLive++
		}
	}
	if memory != nil {
		m.Memory = memory(ctx)
	}
	stop()
	dark()
	running.Wait()
	return m, err
}

func sum(screens []*Screen) (total ScreenStats) {
	for _, s := range screens {
		n := s.Stats()
		total.Points += n.Points
		total.Frames += n.Frames
		total.Bytes += n.Bytes
	}
	return total
}

func (m Measurement) String() string {
	var b strings.Builder
	line := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "%-28s %s\n", what, fmt.Sprintf(format, args...))
	}
	line("workers, interval, screens", "%d, %v, %d, for %v", m.Workers, m.Interval, m.Screens, m.For.Round(time.Second))
	line("phone → screen", "%v (%d updates)", m.Latency, m.Latency.Count())
	line("phone → acknowledgement", "%v", m.Answer)
	line("the sender's own delay", "%v", m.Lateness)
	line("fixes made, acknowledged", "%.0f/s, %.0f/s", m.Made, m.Acked)
	line("updates, frames on screens", "%.0f/s, %.1f/s, %.1f bytes an update", m.Points, m.Frames, m.BytesPerPoint)
	if m.Memory > 0 {
		line("memory of the server", "%.0f MiB resident", float64(m.Memory)/(1<<20))
	}
	line("altogether", "%v", m.Counters)
	if m.NotLive > 0 {
		line("NOT LIVE", "%d screens", m.NotLive)
	}
	for i, w := range m.Wrong {
		if i == 10 {
			line("WRONG", "and %d more", len(m.Wrong)-i)
			break
		}
		line("WRONG", "%s", w)
	}
	return b.String()
}

// ServerMemory reads the server's resident memory from its metrics, or of the
// process pid when that is not 0.
func (d *Door) ServerMemory(ctx context.Context, pid int) int64 {
	if pid != 0 {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0
		}
		for line := range strings.Lines(string(status)) {
			if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
				kb, _ := strconv.ParseInt(f[1], 10, 64)
				return kb << 10
			}
		}
		return 0
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.base+"/metrics", nil)
	if err != nil {
		return 0
	}
	body, err := d.do(req)
	if err != nil {
		return 0
	}
	lines := bufio.NewScanner(bytes.NewReader(body))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(strings.TrimPrefix(lines.Text(), "gridward_"), "process_resident_memory_bytes "); ok {
			n, _ := strconv.ParseFloat(value, 64)
			return int64(n)
		}
	}
	return 0
}
