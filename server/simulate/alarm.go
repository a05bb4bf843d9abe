package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/protocol/alarmhook"
)

// AlarmDevice is a device that a hub speaks for.
type AlarmDevice struct {
	Ident, Kind string
	Beats       bool // it says regularly that it is alive
}

// alarmWords are what devices of each kind say.
var alarmWords = map[string]struct{ code, text string }{
	"panic": {"press", "按下一键报警"}, "bracelet": {"sos", "长按求助键"}, "smoke": {"smoke", "烟雾浓度超限"}, "gas": {"gas", "可燃气体浓度超限"}, "electric": {"current", "剩余电流超限"},
	"water": {"level", "水位超过警戒线"}, "door": {"open", "非授权开启"}, "infrared": {"motion", "有人越界"}, "ai_camera": {"stall", "疑似占道经营"},
}

// AlarmHub is an alarm system that hands on what its devices say, through the
// signed webhook, as a customer's would.
type AlarmHub struct {
	door           *Door
	source, secret string
	devices        []AlarmDevice
	every          time.Duration // between alarms, on average
	rng            *rand.Rand
}

// NewAlarmHub speaks for the devices with perMinute alarms a minute, on average.
func NewAlarmHub(door *Door, source, secret string, devices []AlarmDevice, perMinute float64, seed uint64) *AlarmHub {
	return &AlarmHub{door: door, source: source, secret: secret, devices: devices, every: time.Duration(float64(time.Minute) / perMinute), rng: rand.New(rand.NewPCG(seed, 77))}
}

type alarmEvent struct {
	Device string `json:"device"`
	Event  string `json:"event,omitempty"`
	Code   string `json:"code,omitempty"`
	At     string `json:"at"`
	ID     string `json:"id,omitempty"`
	Text   string `json:"text,omitempty"`
	Power  int    `json:"battery,omitempty"`
}

// Run speaks until ctx ends: a sign of life of every device each minute, and
// now and then an alarm, some of which go on for a while.
func (h *AlarmHub) Run(ctx context.Context) error {
	if len(h.devices) == 0 {
		return nil
	}
	beat := time.NewTicker(time.Minute)
	defer beat.Stop()
	if err := h.beat(ctx); err != nil {
		return err
	}
	for {
		wait := min(time.Duration(h.rng.ExpFloat64()*float64(h.every)), 6*h.every)
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
			if err := h.beat(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		case <-time.After(wait):
			d := h.devices[h.rng.IntN(len(h.devices))]
			for range 1 + h.rng.IntN(3) {
				if err := h.say(ctx, []alarmEvent{h.event(d)}); err != nil && ctx.Err() == nil {
					return err
				}
			}
		}
	}
}

func (h *AlarmHub) event(d AlarmDevice) alarmEvent {
	words := alarmWords[d.Kind]
	e := alarmEvent{Device: d.Ident, Code: words.code, Text: words.text, At: time.Now().UTC().Format(time.RFC3339), ID: uuid.NewString()}
	if h.rng.IntN(12) == 0 {
		e.Event = "test"
	}
	return e
}

func (h *AlarmHub) beat(ctx context.Context) error {
	var events []alarmEvent
	for _, d := range h.devices {
		if d.Beats {
			events = append(events, alarmEvent{Device: d.Ident, Event: "heartbeat", At: time.Now().UTC().Format(time.RFC3339), Power: 60 + h.rng.IntN(40)})
		}
	}
	return h.say(ctx, events)
}

// say sends events until they are taken. Each attempt is signed anew.
func (h *AlarmHub) say(ctx context.Context, events []alarmEvent) error {
	body, err := json.Marshal(map[string]any{"events": events})
	if err != nil {
		return err
	}
	for wait := time.Second; ; wait = min(30*time.Second, 2*wait) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.door.base+"/alarm-hook/"+h.source, bytes.NewReader(body))
		if err != nil {
			return err
		}
		at, nonce := strconv.FormatInt(time.Now().Unix(), 10), uuid.NewString()
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Gridward-Timestamp", at)
		req.Header.Set("X-Gridward-Nonce", nonce)
		req.Header.Set("X-Gridward-Signature", "sha256="+alarmhook.Sign([]byte(h.secret), at, nonce, body))
		_, err = h.door.do(req)
		var refused *Refusal
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &refused):
			return err
		case refused.Final():
			return fmt.Errorf("say an alarm: %w: %w", refused, refused.Cause)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(wait, refused.After)):
		}
	}
}
