package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/courier"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// A command is done before its messages leave: the receiver here answers only
// after the command has returned, and still gets what happened, once.
func TestACommandWaitsForNoReceiver(t *testing.T) {
	h, stop := open(t, "-public-url", "https://gridward.example")
	returned, told := make(chan struct{}), make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		<-returned
		told <- string(body)
	}))
	defer receiver.Close()
	ctx := t.Context()
	street := pgtest.Street(t, h.db)
	c := postgres.Channel{Org: street, Kind: "webhook", Name: "区平台", Enabled: true, Events: []string{"incident.*"}, Tiers: []int16{}, Urgencies: []string{}, Settings: map[string]string{"url": receiver.URL}}
	if _, err := postgres.InsertChannel(ctx, h.db.Pool, c, map[string]string{"secret": courier.NewSecret()}, courier.NewAckKey(), 0, h.clock()); err != nil {
		t.Fatal(err)
	}
	account, err := postgres.InsertAccount(ctx, h.db.Pool, postgres.Account{Login: "operator", Name: "李值班"})
	if err != nil {
		t.Fatal(err)
	}
	by := access.Principal{Account: account, Login: "operator", Name: "李值班", Posts: []access.Post{{Org: street, Path: fmt.Sprintf("%d.", street), Region: street, Name: "明湖街道", Role: access.Operator}}}
	inc, _, err := h.desk.Report(ctx, by, incident.Draft{Title: "井盖缺失", Address: "明湖路 1 号"})
	if err != nil {
		t.Fatal(err)
	}
	close(returned)
	var letter struct{ Event, Subject, Ack, Title string }
	if err := json.Unmarshal([]byte(<-told), &letter); err != nil {
		t.Fatal(err)
	}
	if letter.Event != "incident.reported" || letter.Subject != inc.ID.String() || !strings.HasPrefix(letter.Ack, "https://gridward.example/api/v1/delivery-ack/") || !strings.Contains(letter.Title, inc.CaseNo) {
		t.Errorf("%+v", letter)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if n := len(told); n > 0 {
		t.Errorf("told %d times more", n)
	}
}
