package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
)

// Incident is what a simulated worker reports.
type Incident struct {
	ClientID    string    `json:"client_id"`
	Title       string    `json:"title"`
	Category    string    `json:"category,omitempty"`
	Description string    `json:"description"`
	Urgency     string    `json:"urgency"`
	Source      string    `json:"source"`
	Point       orb.Point `json:"point"`
	Accuracy    float64   `json:"accuracy"`
}

// often is how many of a hundred incidents have each urgency.
var often = []struct {
	urgency string
	share   float64
}{{"normal", 0.62}, {"notice", 0.30}, {"urgent", 0.07}, {"critical", 0.01}}

// NewIncident makes up an incident at a place. Its client_id is new however
// the generator was seeded: it must be nobody else's.
func NewIncident(rng *rand.Rand, at orb.Point) Incident {
	r, want := rng.Float64(), "normal"
	for _, o := range often {
		if want = o.urgency; r < o.share {
			break
		}
		r -= o.share
	}
	var fit []kindOf
	for _, k := range kinds {
		if k.urgency == want {
			fit = append(fit, k)
		}
	}
	k := fit[rng.IntN(len(fit))]
	source := "patrol"
	switch s := rng.Float64(); {
	case s < 0.15:
		source = "visit"
	case s < 0.25:
		source = "resident"
	}
	return Incident{
		ClientID: uuid.NewString(), Title: fill(rng, k.title), Category: k.category, Description: fill(rng, k.text),
		Urgency: k.urgency, Source: source, Point: at, Accuracy: float64(3 + rng.IntN(12)),
	}
}

// fill puts a random word into every slot of a text.
func fill(rng *rand.Rand, text string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		slot, after, _ := strings.Cut(rest, "}")
		words := slots[slot]
		b.WriteString(words[rng.IntN(len(words))])
		text = after
	}
}

// Reporter reports incidents at the places of a crowd's workers.
type Reporter struct {
	door                       *Door
	crowd                      *Crowd
	signIn                     func(ctx context.Context) (string, error)
	every                      time.Duration // on average
	rng                        *rand.Rand
	Reported, Repeated, Failed atomic.Int64
}

// NewReporter reports perMinute incidents a minute, on average, with the
// session that signIn returns.
func NewReporter(door *Door, crowd *Crowd, signIn func(context.Context) (string, error), perMinute float64, seed uint64) *Reporter {
	return &Reporter{door: door, crowd: crowd, signIn: signIn, every: time.Duration(float64(time.Minute) / perMinute), rng: rand.New(rand.NewPCG(seed, 31))}
}

// Run reports until ctx is done. It fails when signing in does.
func (r *Reporter) Run(ctx context.Context) error {
	cookie, err := r.signIn(ctx)
	if err != nil {
		return err
	}
	codes := r.categories(ctx, cookie)
	for {
		// as calls come in: mostly short waits, now and then a long one
		wait := min(time.Duration(r.rng.ExpFloat64()*float64(r.every)), 6*r.every)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		at, _, ok := r.crowd.Somewhere(r.rng)
		if !ok {
			continue
		}
		inc := NewIncident(r.rng, at)
		if code, ok := codes[inc.Category]; ok {
			inc.Category = code
		}
		if cookie, err = r.report(ctx, cookie, inc); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// report sends one incident until it is acknowledged, and returns the cookie
// that is good now.
func (r *Reporter) report(ctx context.Context, cookie string, inc Incident) (string, error) {
	body, err := json.Marshal(inc)
	if err != nil {
		return cookie, err
	}
	for wait := time.Second; ; wait = min(30*time.Second, 2*wait) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.door.base+"/api/v1/incidents", bytes.NewReader(body))
		if err != nil {
			return cookie, err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Cookie", cookie)
		_, err = r.door.do(req)
		if err == nil {
			r.Reported.Add(1)
			return cookie, nil
		}
		var refused *Refusal
		switch {
		case !errors.As(err, &refused):
			return cookie, err
		case refused.Status == http.StatusUnauthorized:
			if cookie, err = r.signIn(ctx); err != nil {
				return cookie, err
			}
		case refused.Status/100 == 4 && refused.Status != http.StatusTooManyRequests:
			r.Failed.Add(1)
			return cookie, fmt.Errorf("report an incident: %w: %w", refused, refused.Cause)
		}
		r.Repeated.Add(1)
		select {
		case <-ctx.Done():
			return cookie, ctx.Err()
		case <-time.After(max(wait, refused.After)):
		}
	}
}

// categories maps the names of the server's categories to their codes.
func (r *Reporter) categories(ctx context.Context, cookie string) map[string]string {
	codes := map[string]string{}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.door.base+"/api/v1/categories", nil)
	if err != nil {
		return codes
	}
	req.Header.Set("Cookie", cookie)
	body, err := r.door.do(req)
	if err != nil {
		return codes
	}
	var in struct {
		Categories []struct{ Code, Name string }
	}
	if json.Unmarshal(body, &in) == nil {
		for _, c := range in.Categories {
			codes[c.Name] = c.Code
		}
	}
	return codes
}
