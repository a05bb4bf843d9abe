package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
)

// Clerk is somebody in an office, or in the field, who works on cases: a
// session, and whom he may send.
type Clerk struct {
	Login  string
	SignIn func(ctx context.Context) (cookie string, err error)
	Sends  []Target // departments or workers that his orders go to; empty: he gives none
	Field  bool     // works from his own orders (GET /me/orders), not from a queue
}

// Target is whom an order is given to.
type Target struct {
	Org    int64 `json:"org,omitempty"`
	Worker int64 `json:"worker,omitempty"`
}

// OfficeOptions shape an office.
type OfficeOptions struct {
	Rate  float64 // actions a second that are begun, whether or not the server keeps up
	Seed  uint64
	Queue string // the queue that cases are taken from; "" = open
	Most  int    // actions under way at once at the most; default 64
}

// Deeds count what an office's actions came to.
type Deeds struct {
	Begun, Done, Stale, Refused, Busy, Unreachable, Nothing atomic.Int64 // Stale: 409; Refused: 403, 404, 422; Nothing: there was nothing to do
	Surprises                                               atomic.Int64 // any other status: what must not happen
	Skipped                                                 atomic.Int64 // not begun, because too many were under way
	Answer                                                  Spread       // from the request of an action to its answer
}

// Act is one action that the server acknowledged.
type Act struct {
	Login, Action string
	Case          string
	Order         bool
	Version       int32 // of the case afterwards; 0 for an order
}

// Office is many clerks on one server, each reading what the pages read and
// doing what the pages offer. Make it with NewOffice, start it with Run.
type Office struct {
	door   *Door
	o      OfficeOptions
	clerks []*clerk
	Deeds  Deeds

	mu   sync.Mutex
	acts []Act
	odd  []string
}

type clerk struct {
	Clerk
	mu     sync.Mutex // one pair of hands
	cookie string
	rng    *rand.Rand
}

// NewOffice seats the clerks.
func NewOffice(door *Door, clerks []Clerk, o OfficeOptions) *Office {
	if o.Queue == "" {
		o.Queue = "open"
	}
	if o.Most <= 0 {
		o.Most = 64
	}
	office := &Office{door: door, o: o}
	for i, c := range clerks {
		office.clerks = append(office.clerks, &clerk{Clerk: c, rng: rand.New(rand.NewPCG(o.Seed, uint64(i)))})
	}
	return office
}

// Run works until ctx is done and waits for what is under way.
func (o *Office) Run(ctx context.Context) error {
	var under sync.WaitGroup
	defer under.Wait()
	room := make(chan struct{}, o.o.Most)
	rng := rand.New(rand.NewPCG(o.o.Seed, 99))
	tick := time.NewTicker(time.Duration(float64(time.Second) / max(o.o.Rate, 0.01)))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		c := o.clerks[rng.IntN(len(o.clerks))]
		select {
		case room <- struct{}{}:
			under.Go(func() {
				defer func() { <-room }()
				c.mu.Lock()
				defer c.mu.Unlock()
				o.work(ctx, c)
			})
		default:
			o.Deeds.Skipped.Add(1)
		}
	}
}

// Acts returns what was acknowledged; Odd what the server should not have said.
func (o *Office) Acts() []Act {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.acts)
}

// Odd returns the first surprises, in words.
func (o *Office) Odd() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.odd)
}

type choice struct {
	Action string `json:"action"`
}

type orderSeen struct {
	ID    string   `json:"id"`
	May   []choice `json:"may"`
	State string   `json:"state"`
}

type caseSeen struct {
	ID      string      `json:"id"`
	Version int32       `json:"version"`
	Point   *orb.Point  `json:"point"`
	May     []choice    `json:"may"`
	Orders  []orderSeen `json:"orders"`
}

// work does one thing that the clerk is offered, to one case.
func (o *Office) work(ctx context.Context, c *clerk) {
	o.Deeds.Begun.Add(1)
	id, ok := o.pick(ctx, c)
	if !ok {
		return
	}
	var seen caseSeen
	if !o.get(ctx, c, "/incidents/"+id, &seen) {
		return
	}
	type offer struct{ order, action string }
	var offers []offer
	for _, m := range seen.May {
		if seldom(m.Action) && c.rng.IntN(12) > 0 || m.Action == "dispatch" && len(c.Sends) == 0 || m.Action == "add_assist" && len(c.Sends) == 0 || m.Action == "merge" {
			continue
		}
		offers = append(offers, offer{"", m.Action})
	}
	for _, x := range seen.Orders {
		for _, m := range x.May {
			if m.Action == "reassign" && len(c.Sends) == 0 || seldom(m.Action) && c.rng.IntN(12) > 0 {
				continue
			}
			offers = append(offers, offer{x.ID, m.Action})
		}
	}
	if len(offers) == 0 {
		o.Deeds.Nothing.Add(1)
		return
	}
	pick := offers[c.rng.IntN(len(offers))]
	path := "/incidents/" + id + "/" + pick.action
	version := seen.Version
	if pick.order != "" {
		path, version = "/orders/"+pick.order+"/"+pick.action, 0
	}
	begun := time.Now()
	body, status := o.send(ctx, c, http.MethodPost, path, version, c.deed(pick.action, seen))
	if status/100 != 2 {
		return
	}
	o.Deeds.Answer.Add(time.Since(begun))
	o.Deeds.Done.Add(1)
	var after struct {
		Version int32 `json:"version"`
	}
	_ = json.Unmarshal(body, &after) // a version of 0 says that there was none to read
	if pick.order != "" {
		after.Version = 0
	}
	o.mu.Lock()
	o.acts = append(o.acts, Act{Login: c.Login, Action: pick.action, Case: id, Order: pick.order != "", Version: after.Version})
	o.mu.Unlock()
}

// seldom are the actions that end or stop a case, or that may be done again
// and again without getting it anywhere.
func seldom(action string) bool {
	return slices.Contains([]string{"force_close", "void", "reject", "appeal", "urge", "supervise", "reply_supervision", "set", "suspend", "request_suspend", "request_delay", "recall", "return", "refuse", "reassign",
		"add_assist", "push_down", "report_up", "reopen", "request_verify", "waive", "check_fail"}, action)
}

// pick chooses a case: from the field's own orders, or from the queue.
func (o *Office) pick(ctx context.Context, c *clerk) (string, bool) {
	var ids []string
	if c.Field {
		var mine struct {
			Orders []struct {
				Incident string `json:"incident"`
			} `json:"orders"`
			Checks []struct {
				Incident string `json:"incident"`
			} `json:"checks"`
		}
		if !o.get(ctx, c, "/me/orders?limit=50", &mine) {
			return "", false
		}
		for _, x := range mine.Orders {
			ids = append(ids, x.Incident)
		}
		for _, x := range mine.Checks {
			ids = append(ids, x.Incident)
		}
	} else {
		var page struct {
			Incidents []struct {
				ID string `json:"id"`
			} `json:"incidents"`
		}
		sort := []string{"newest", "due"}[c.rng.IntN(2)]
		if !o.get(ctx, c, "/incidents?limit=50&queue="+o.o.Queue+"&sort="+sort, &page) {
			return "", false
		}
		for _, x := range page.Incidents {
			ids = append(ids, x.ID)
		}
	}
	if len(ids) == 0 {
		o.Deeds.Nothing.Add(1)
		return "", false
	}
	return ids[c.rng.IntN(len(ids))], true
}

// deed fills in what the action asks for.
func (c *clerk) deed(action string, seen caseSeen) map[string]any {
	d := map[string]any{"reason": "现场情况需要", "text": "已到现场处理", "client_id": uuid.NewString()}
	switch action {
	case "verify_result":
		d["result"] = "pass"
	case "feedback":
		d["result"] = "solved"
	case "reject":
		d["code"] = "not_exist"
	case "return":
		d["code"] = "not_my_duty"
	case "dispatch", "reassign":
		d["lead"] = c.Sends[c.rng.IntN(len(c.Sends))]
		if action == "dispatch" && len(c.Sends) > 1 && c.rng.IntN(4) == 0 {
			d["assist"] = []Target{c.Sends[c.rng.IntN(len(c.Sends))]}
		}
		d["requirement"] = "请及时处置并反馈"
	case "add_assist":
		d["assist"] = []Target{c.Sends[c.rng.IntN(len(c.Sends))]}
	case "request_delay":
		d["days"] = 1
	case "decide_delay", "decide_suspend":
		d["approve"] = c.rng.IntN(3) > 0
	case "suspend", "request_suspend":
		d["review_at"] = time.Now().AddDate(0, 0, 7).UTC().Format(time.RFC3339)
	case "evaluate":
		d["grade"] = 3 + c.rng.IntN(3)
	case "supervise":
		d["level"], d["requirement"] = "yellow", "请限期办结"
	case "reply_supervision":
		d["reply"] = "正在办理"
	case "urge":
		d["note"] = "请尽快"
	case "set":
		d["urgency"] = []string{"normal", "urgent"}[c.rng.IntN(2)]
	}
	if (action == "arrive" || action == "verify_result" || action == "check_pass" || action == "check_fail") && seen.Point != nil {
		d["point"] = orb.Point{seen.Point[0] + c.rng.NormFloat64()*2e-4, seen.Point[1] + c.rng.NormFloat64()*2e-4}
	}
	return d
}

func (o *Office) get(ctx context.Context, c *clerk, path string, into any) bool {
	body, status := o.send(ctx, c, http.MethodGet, path, 0, nil)
	return status == http.StatusOK && json.Unmarshal(body, into) == nil
}

// send speaks to the API as the clerk and counts what the answer was.
func (o *Office) send(ctx context.Context, c *clerk, method, path string, version int32, deed any) (body []byte, status int) {
	if c.cookie == "" {
		cookie, err := c.SignIn(ctx)
		if err != nil {
			o.Deeds.Unreachable.Add(1)
			return nil, 0
		}
		c.cookie = cookie
	}
	var content []byte
	if deed != nil {
		content, _ = json.Marshal(deed) // maps of plain values
	}
	req, err := http.NewRequestWithContext(ctx, method, o.door.base+"/api/v1"+path, bytes.NewReader(content))
	if err != nil {
		o.odder("%s %s: %v", method, path, err)
		return nil, 0
	}
	req.Header.Set("Cookie", c.cookie)
	if deed != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if version != 0 {
		req.Header.Set("If-Match", fmt.Sprintf(`"%d"`, version))
	}
	body, err = o.door.do(req)
	var refused *Refusal
	switch {
	case err == nil:
		return body, http.StatusOK
	case !errors.As(err, &refused):
		o.odder("%s %s: %v", method, path, err)
		return nil, 0
	}
	switch refused.Status {
	case 0:
		if ctx.Err() == nil { // hanging up is not the server's silence
			o.Deeds.Unreachable.Add(1)
		}
	case http.StatusConflict:
		o.Deeds.Stale.Add(1)
	case http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity:
		o.Deeds.Refused.Add(1)
	case http.StatusUnauthorized:
		c.cookie = ""
		o.Deeds.Refused.Add(1)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		if refused.After <= 0 {
			o.odder("%s %s: %d without Retry-After", method, path, refused.Status)
		}
		o.Deeds.Busy.Add(1)
	default:
		if ctx.Err() == nil {
			o.odder("%s %s: %d %v", method, path, refused.Status, refused.Cause)
		}
	}
	return body, refused.Status
}

func (o *Office) odder(format string, args ...any) {
	o.Deeds.Surprises.Add(1)
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.odd) < 20 {
		o.odd = append(o.odd, fmt.Sprintf(format, args...))
	}
}
