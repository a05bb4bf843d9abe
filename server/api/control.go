package api

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
)

// pace bounds how often an account may do something.
type pace struct {
	mu     sync.Mutex
	counts map[int64]burst
}

type burst struct {
	since time.Time
	n     int
}

const (
	mostControls = 20   // of one account in one second: a hand on a map makes ten
	mostPaced    = 4096 // accounts remembered
)

// allow counts one more, and reports whether it is within the pace.
func (p *pace) allow(account int64, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.counts == nil || len(p.counts) > mostPaced {
		p.counts = map[int64]burst{}
	}
	b := p.counts[account]
	if d := now.Sub(b.since); d >= time.Second || d < 0 {
		b = burst{since: now}
	}
	b.n++
	p.counts[account] = b
	return b.n <= mostControls
}

func (a *API) controlRoutes() {
	type toldBody struct {
		Told int `json:"told" doc:"screens of this node that were told"`
	}
	var controls pace
	route(a, http.MethodPost, "/screen-control", "Have the wall do what the console shows: fly, layer, select, popup; reaches the caller's own screens, and kiosks all of whose scope is the caller's", power(access.Dispatch),
		func(_ context.Context, who access.Session, in *struct {
			Body map[string]any `doc:"{\"do\":\"fly\",\"point\":[lon,lat],\"zoom\":16}, {\"do\":\"layer\",\"layer\":…,\"on\":…}, {\"do\":\"select\",\"kind\":…,\"id\":…}, {\"do\":\"popup\",\"text\":…}"`
		}) (*struct{ Body toldBody }, error) {
			if !controls.allow(who.Account, a.Clock()) {
				return nil, fault.New(fault.Busy, "操作太频繁，请稍后再试")
			}
			region, err := regionOf(who, access.Dispatch, 0)
			if err != nil {
				return nil, err
			}
			do, err := json.Marshal(in.Body)
			if err != nil {
				return nil, fault.Because(err, fault.Invalid, "大屏指令无法识别")
			}
			if a.Control == nil {
				return nil, fault.New(fault.Busy, "这台服务器没有大屏连接")
			}
			told, err := a.Control(who.Principal, region, do)
			if err != nil {
				return nil, fault.Because(err, fault.Invalid, "大屏指令无法识别：do 应为 fly、layer、select 或 popup，内容不超过 4 KB").At("do")
			}
			return &struct{ Body toldBody }{toldBody{told}}, nil
		})
}
