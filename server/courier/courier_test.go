package courier

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
)

func TestWhatAChannelIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := newHook(t)
	since := w.clock().Add(2 * time.Hour)
	high := func(i *incident.Incident) { i.Sensitivity = "high" }
	drill := func(i *incident.Incident) { i.Drill = true }
	w.exec(`INSERT INTO category (code, name, sensitive) VALUES ('XF', '信访', true)`)
	petition := func(i *incident.Incident) { i.Category = "XF" }
	for sentence, c := range map[string]struct {
		org     int64
		channel func(*postgres.Channel)
		at      int64
		path    string
		parties []string
		kind    string
		change  func(*incident.Incident)
		want    bool
	}{
		"a case of the own subtree":                     {w.street, nil, w.east, w.eastPath, nil, "incident.reported", nil, true},
		"not a case of a neighbour":                     {w.west, nil, w.east, w.eastPath, nil, "incident.reported", nil, false},
		"not a case of the organisation above":          {w.east, nil, w.street, w.streetPath, nil, "incident.reported", nil, false},
		"a case to which the department is a party":     {w.dept, nil, w.east, w.eastPath, []string{w.deptPath}, "incident.dispatched", nil, true},
		"not a case before it is a party":               {w.dept, nil, w.east, w.eastPath, nil, "incident.reported", nil, false},
		"a kind by its name":                            {w.street, func(c *postgres.Channel) { c.Events = []string{"incident.closed"} }, w.east, w.eastPath, nil, "incident.closed", nil, true},
		"not another kind":                              {w.street, func(c *postgres.Channel) { c.Events = []string{"incident.closed", "sos.*"} }, w.east, w.eastPath, nil, "incident.reported", nil, false},
		"its tier":                                      {w.street, func(c *postgres.Channel) { c.Tiers = []int16{3, 4} }, w.east, w.eastPath, nil, "incident.reported", nil, true},
		"not another tier":                              {w.street, func(c *postgres.Channel) { c.Tiers = []int16{4} }, w.east, w.eastPath, nil, "incident.reported", nil, false},
		"its urgency":                                   {w.street, func(c *postgres.Channel) { c.Urgencies = []string{"urgent"} }, w.east, w.eastPath, nil, "incident.reported", nil, true},
		"not another urgency":                           {w.street, func(c *postgres.Channel) { c.Urgencies = []string{"critical"} }, w.east, w.eastPath, nil, "incident.reported", nil, false},
		"what lies under its category":                  {w.street, func(c *postgres.Channel) { c.Category = "CJ" }, w.east, w.eastPath, nil, "incident.reported", nil, true},
		"not a category whose code only begins alike":   {w.street, func(c *postgres.Channel) { c.Category = "C" }, w.east, w.eastPath, nil, "incident.reported", nil, false},
		"not a sensitive case":                          {w.street, nil, w.east, w.eastPath, nil, "incident.reported", high, false},
		"not a case of a sensitive category":            {w.street, nil, w.east, w.eastPath, nil, "incident.reported", petition, false},
		"a sensitive case where people may be seen":     {w.street, func(c *postgres.Channel) { c.People = true }, w.east, w.eastPath, nil, "incident.reported", high, true},
		"not a drill":                                   {w.street, nil, w.east, w.eastPath, nil, "incident.reported", drill, false},
		"a drill where drills are wanted":               {w.street, func(c *postgres.Channel) { c.Drills = true }, w.east, w.eastPath, nil, "incident.reported", drill, true},
		"nothing while it is off":                       {w.street, func(c *postgres.Channel) { c.Enabled = false }, w.east, w.eastPath, nil, "incident.reported", nil, false},
		"nothing from before it was opened (see below)": {w.street, func(c *postgres.Channel) { c.Since = since }, w.east, w.eastPath, nil, "incident.reported", nil, false},
	} {
		id := w.webhook(c.org, target.URL, c.channel)
		if strings.Contains(sentence, "see below") {
			w.exec(`UPDATE channel SET since = $2 WHERE id = $1`, id, since)
		}
		w.happens(c.kind, c.at, c.path, c.parties, c.change)
		if err := w.post.Collect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(w.deliveries(id)); (n == 1) != c.want || n > 1 {
			t.Errorf("%s: %d deliveries", sentence, n)
		}
		w.exec(`UPDATE channel SET retired_at = now() WHERE id = $1`, id)
	}
}

// Each entry becomes one delivery, however many nodes read the journal at once
// and while it is being written.
func TestEachEntryIsDeliveredOnceByManyNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := newHook(t)
	id := w.webhook(w.street, target.URL, nil)
	const entries, nodes = 60, 4
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range nodes {
		other := New(w.post.Deps)
		wg.Go(func() {
			for {
				if err := other.Round(context.WithoutCancel(t.Context())); err != nil {
					t.Error(err)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for range entries {
		w.happens("incident.reported", w.east, w.eastPath, nil, nil)
	}
	close(stop)
	wg.Wait()
	w.round()
	seen, ids := map[int64]int{}, map[uuid.UUID]int{}
	for _, l := range target.letters() {
		seen[l.Seq]++
		ids[l.ID]++
	}
	for seq := int64(1); seq <= entries; seq++ {
		if seen[seq] != 1 {
			t.Errorf("entry %d was told %d times", seq, seen[seq])
		}
	}
	if len(ids) != entries || len(w.deliveries(id)) != entries {
		t.Errorf("%d ids, %d deliveries of %d entries", len(ids), len(w.deliveries(id)), entries)
	}
}

// One fact in the journals of two regions is told once to a channel above both.
func TestAFactInTwoRegionsIsToldOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`INSERT INTO region (id) VALUES ($1)`, w.east)
	id := w.webhook(w.street, newHook(t).URL, nil)
	inc := w.happens("incident.reported_up", w.east, w.eastPath, nil, nil)
	err := w.db.Tx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		e, err := journal.About("incident.reported_up", inc.ID.String(), w.eastPath, 0, inc)
		if err == nil {
			_, err = postgres.AppendJournal(ctx, tx, w.east, e)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.round()
	w.only(id)
}

func TestAWebhookIsSignedMaskedAndAcknowledged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := newHook(t)
	id := w.webhook(w.street, target.URL, nil)
	open := newHook(t)
	w.webhook(w.street, open.URL, func(c *postgres.Channel) { c.People = true })
	inc := w.happens("incident.dispatched", w.east, w.eastPath, nil, nil)
	w.round()
	d := w.only(id)
	got := target.letters()
	if len(got) != 1 || d.State != "sent" || d.SentAt == nil || d.Attempts != 1 || d.CaseNo != inc.CaseNo || d.LastError != "" {
		t.Fatalf("%+v\n%+v", d, got)
	}
	h := target.header[0]
	if want := Sign(hookSecret, h.Get("X-Gridward-Timestamp"), d.ID.String(), []byte(target.raw[0])); h.Get("X-Gridward-Signature") != want || h.Get("X-Gridward-Delivery") != d.ID.String() || h.Get("X-Gridward-Event") != "incident.dispatched" {
		t.Errorf("headers: %v", h)
	}
	for _, word := range []string{"王丽", "13800138000", "赵一", "reporter"} {
		if strings.Contains(target.raw[0], word) {
			t.Errorf("masked, and tells %q: %s", word, target.raw[0])
		}
	}
	if !got[0].Masked || got[0].Seq != 1 || !strings.Contains(got[0].Title, inc.CaseNo+" 已派遣，请签收：井盖缺失，请联系 138****8000") || !strings.Contains(got[0].Text, "处置层级：三级（街道部门）\n地点：明湖路 1 号\n") {
		t.Errorf("%+v", got[0])
	}
	if raw := open.raw[0]; !strings.Contains(raw, "王丽") || !strings.Contains(raw, "13800138000") {
		t.Errorf("a channel for people hides them: %s", raw)
	}

	secret, found := strings.CutPrefix(got[0].Ack, "https://gridward.example"+AckPath)
	if !found || len(secret) < 40 {
		t.Fatalf("no receipt: %q", got[0].Ack)
	}
	if _, err := postgres.AckDelivery(t.Context(), w.db.Pool, TokenHash("x"+secret), w.clock(), ""); !fault.Is(err, fault.Missing) {
		t.Errorf("a wrong token: %v", err)
	}
	for range 2 {
		if a, err := postgres.AckDelivery(t.Context(), w.db.Pool, TokenHash(secret), w.clock(), "城建办值班"); err != nil || a.CaseNo != inc.CaseNo {
			t.Errorf("%+v %v", a, err)
		}
		w.later(time.Minute)
	}
	if d := w.only(id); d.State != "acked" || d.AckedBy != "城建办值班" || d.AckedAt.After(w.clock().Add(-time.Minute)) {
		t.Errorf("%+v", d)
	}
}

// Whatever happens between sending and noting it, the delivery goes again, with
// the same id and the same receipt, and nothing is lost.
func TestAttemptsUntilItIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := newHook(t)
	target.answer(503)
	id := w.webhook(w.street, target.URL, nil)
	w.happens("incident.reported", w.east, w.eastPath, nil, nil)
	w.round()
	for i, pause := range pauses {
		d := w.only(id)
		if d.State != "failed" || int(d.Attempts) != i+1 || d.LastError != "对方暂时无法接收（503）" || !d.NextAt.Equal(w.clock().Add(pause).Truncate(time.Microsecond)) && d.NextAt.Sub(w.clock()).Round(time.Second) != pause {
			t.Fatalf("after attempt %d: %+v, now %v", i+1, d, w.clock())
		}
		w.later(pause - time.Second)
		w.round()
		if n := len(target.letters()); n != i+1 {
			t.Fatalf("%d attempts before the pause was over", n)
		}
		w.later(2 * time.Second)
		w.round()
	}
	if d := w.only(id); d.State != "dead" || d.NextAt != nil || int(d.Attempts) != len(pauses)+1 {
		t.Fatalf("%+v", d)
	}
	w.later(100 * time.Hour)
	w.round()
	target.answer(200)
	if err := postgres.RetryDelivery(t.Context(), w.db.Pool, w.only(id).ID, w.clock()); err != nil {
		t.Fatal(err)
	}
	w.round()
	got := target.letters()
	if d := w.only(id); d.State != "sent" || len(got) != len(pauses)+2 {
		t.Fatalf("%+v, %d attempts", d, len(got))
	}
	for _, l := range got {
		if l.ID != got[0].ID || l.Ack != got[0].Ack {
			t.Errorf("another id or receipt: %+v", l)
		}
	}
	if err := postgres.RetryDelivery(t.Context(), w.db.Pool, w.only(id).ID, w.clock()); !fault.Is(err, fault.Conflict) {
		t.Errorf("what was sent is sent again: %v", err)
	}
}

func TestAnswersThatEndIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	elsewhere := newHook(t)
	for status, said := range map[int]string{
		301: "对方要求转到别的地址（301），为安全起见不跟随，请直接填写最终地址", 307: "对方要求转到别的地址（307），为安全起见不跟随，请直接填写最终地址",
		401: "对方不接受（401），请检查地址、密钥和对方的设置", 404: "对方不接受（404），请检查地址、密钥和对方的设置", 410: "对方不接受（410），请检查地址、密钥和对方的设置",
	} {
		target := newHook(t)
		target.answer(status)
		id := w.webhook(w.street, target.URL, nil)
		w.happens("incident.reported", w.east, w.eastPath, nil, nil)
		w.round()
		if d := w.only(id); d.State != "dead" || d.LastError != said {
			t.Errorf("%d: %+v", status, d)
		}
		w.exec(`UPDATE channel SET retired_at = now() WHERE id = $1`, id)
	}
	if n := len(elsewhere.letters()); n > 0 {
		t.Errorf("a redirect was followed")
	}
}

func TestAHouseThatDiesWhileSendingSendsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := newHook(t)
	id := w.webhook(w.street, target.URL, nil)
	w.happens("incident.reported", w.east, w.eastPath, nil, nil)
	if err := w.post.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	// the node that claims it is gone before it settles
	claims, err := postgres.ClaimDeliveries(t.Context(), w.db.Pool, id, w.clock(), lease, 10)
	if err != nil || len(claims) != 1 {
		t.Fatalf("%v %v", claims, err)
	}
	w.later(lease - time.Second)
	w.round()
	if n := len(target.letters()); n != 0 {
		t.Fatal("sent while somebody else held it")
	}
	w.later(2 * time.Second)
	w.round()
	if got := target.letters(); len(got) != 1 || got[0].ID != claims[0].ID {
		t.Fatalf("%+v", got)
	}
	// it was only slow: its late failure changes nothing
	next := w.clock()
	if err := postgres.DeliveryFailed(t.Context(), w.db.Pool, claims[0].ID, claims[0].Attempts, "连接或应答超时", &next); err != nil {
		t.Fatal(err)
	}
	if d := w.only(id); d.State != "sent" {
		t.Errorf("%+v", d)
	}
}

// A receiver that does not answer holds up its own messages alone.
func TestASlowReceiverHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slow, quick := newHook(t), newHook(t)
	release, arrived := make(chan struct{}), make(chan struct{}, 10)
	slow.before = func() { <-release }
	quick.before = func() { arrived <- struct{}{} }
	slowID := w.webhook(w.street, slow.URL, nil)
	quickID := w.webhook(w.street, quick.URL, nil)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.post.Run(ctx) }()
	for range 3 {
		w.happens("incident.reported", w.east, w.eastPath, nil, nil)
		w.post.Ring()
		<-arrived
	}
	if d := w.deliveries(slowID); len(d) != 3 || d[2].State != "waiting" {
		t.Errorf("%+v", d)
	}
	stop() // what is under way is finished before Run returns
	close(release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if d := w.deliveries(slowID); d[2].State != "sent" {
		t.Errorf("the attempt under way was cut off: %+v", d[2])
	}
	for _, d := range w.deliveries(quickID) {
		if d.State != "sent" {
			t.Errorf("%+v", d)
		}
	}
}

// What has changed since a delivery was made counts when it is sent.
func TestWhatMayNoLongerLeaveStays(t *testing.T) {
	t.Parallel()
	for sentence, c := range map[string]struct {
		change func(w *world, inc incident.Incident, channel int64)
		state  string
		said   string
	}{
		"the case has become sensitive": {func(w *world, inc incident.Incident, _ int64) {
			w.exec(`UPDATE incident SET sensitivity = 'high' WHERE id = $1`, inc.ID)
		}, "dead", "涉敏事件不经该通道外发"},
		"its text was erased": {func(w *world, inc incident.Incident, _ int64) {
			err := w.db.Tx(w.t.Context(), func(ctx context.Context, tx pgx.Tx) error { // by the owner
				if _, err := tx.Exec(ctx, `SET LOCAL ROLE NONE`); err != nil {
					return err
				}
				_, err := tx.Exec(ctx, `UPDATE journal SET body = NULL WHERE subject = $1`, inc.ID.String())
				return err
			})
			if err != nil {
				w.t.Fatal(err)
			}
		}, "dead", "记录内容已依法删除，不再发送"},
		"the community left the organisation": {func(w *world, _ incident.Incident, channel int64) {
			w.exec(`UPDATE channel SET org_id = $2 WHERE id = $1`, channel, w.west)
		}, "dead", "事件已不在该通道的组织范围内，不再发送"},
		"the channel is off": {func(w *world, _ incident.Incident, channel int64) {
			w.exec(`UPDATE channel SET enabled = false WHERE id = $1`, channel)
		}, "waiting", ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			target := newHook(t)
			id := w.webhook(w.street, target.URL, nil)
			inc := w.happens("incident.reported", w.east, w.eastPath, nil, nil)
			if err := w.post.Collect(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.change(w, inc, id)
			w.round()
			if d := w.only(id); d.State != c.state || d.LastError != c.said || len(target.letters()) != 0 {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestAMessageOnTrialTakesTheSameWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := newHook(t)
	id := w.webhook(w.street, target.URL, func(c *postgres.Channel) { c.Enabled = false }) // one tries it before it is on
	for range 2 {
		d, err := Trial(id)
		if err != nil {
			t.Fatal(err)
		}
		if err := postgres.InsertTrial(t.Context(), w.db.Pool, d, w.clock()); err != nil {
			t.Fatal(err)
		}
	}
	w.round()
	got := target.letters()
	if len(got) != 2 || got[0].Event != KindTrial || got[0].Title != "【明湖街道】消息通道测试：对接" || len(got[0].Ack) < 60 {
		t.Fatalf("%+v", got)
	}
}

func TestOldDeliveriesAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.webhook(w.street, newHook(t).URL, nil)
	w.happens("incident.reported", w.east, w.eastPath, nil, nil)
	w.round()
	for age, left := range map[time.Duration]int{keep - time.Hour: 1, keep + time.Hour: 0} {
		if _, err := postgres.ForgetDeliveries(t.Context(), w.db.Pool, w.clock().Add(age-keep)); err != nil {
			t.Fatal(err)
		}
		if age > keep {
			if n := len(w.deliveries(id)); n != left {
				t.Errorf("after %v: %d", age, n)
			}
		}
	}
}

// The worked example of docs/protocol.md is true.
func TestTheExampleInTheProtocol(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"id":"01990000-0000-7000-8000-0000000000d1","event":"incident.closed","region":2,"seq":41,"at":"2026-11-26T10:00:00Z","masked":true,"title":"t","text":"x"}`
	if want := Sign("correct-horse-battery", "1795687200", "01990000-0000-7000-8000-0000000000d1", []byte(body)); !strings.Contains(string(doc), want) || !strings.Contains(string(doc), body) {
		t.Errorf("docs/protocol.md should say %s for %s", want, body)
	}
}
