package courier

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/seal"
)

// Where the key is another, nothing is sent without a signature: the message is
// given up with a sentence that says what to do, and goes when the key is back.
func TestAChannelWhoseSecretsCannotBeOpened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := 0
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got++ }))
	t.Cleanup(target.Close)
	w.webhook(w.street, target.URL, nil)
	right := w.key
	w.post.Seal, _ = seal.Fresh()
	w.happens(incident.KindReported, w.east, w.eastPath, nil, nil)
	if err := w.post.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, _, err := postgres.ListDeliveries(t.Context(), w.db.Pool, postgres.DeliveryFilter{Scope: []string{w.streetPath}, Limit: 10})
	if err != nil || len(list) != 1 || list[0].State != "dead" || !strings.Contains(list[0].LastError, "密钥无法解开") || got != 0 {
		t.Fatalf("%+v, %v, sent %d", list, err, got)
	}
	w.post.Seal = right
	if err := postgres.RetryDelivery(t.Context(), w.db.Pool, list[0].ID, w.clock()); err != nil {
		t.Fatal(err)
	}
	if err := w.post.Round(t.Context()); err != nil || got != 1 {
		t.Errorf("sent %d, %v", got, err)
	}
}
