package bus

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// outside starts a real NATS server on a free loopback port.
func outside(t *testing.T) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server was not ready")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s.ClientURL()
}

func join(t *testing.T, url string) *Bus {
	t.Helper()
	b, err := Open(url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

type ring struct{ region, seq int64 }

func TestTwoNodesHearEachOtherAndNotThemselves(t *testing.T) {
	url := outside(t)
	here, there := join(t, url), join(t, url)
	if here.Alone() {
		t.Error("a node on somebody else's server believes it is alone")
	}
	own, rings := make(chan ring, 10), make(chan ring, 10)
	batches := make(chan []byte, 10)
	walls := make(chan []byte, 10)
	revoked := make(chan int64, 10)
	for _, err := range []error{
		here.OnRing(func(region, seq int64) { own <- ring{region, seq} }),
		there.OnRing(func(region, seq int64) { rings <- ring{region, seq} }),
		there.OnFixes(func(region int64, b []byte) { batches <- append([]byte{byte(region)}, b...) }),
		there.OnRevoked(func(c int64) { revoked <- c }),
		there.OnControl(func(region int64, do []byte) { walls <- append([]byte{byte(region)}, do...) }),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	here.Ring(7, 41)
	here.Fixes(7, []byte("abc"))
	here.Revoked(9)
	here.Control(7, []byte("fly"))
	if got := <-rings; got != (ring{7, 41}) {
		t.Errorf("heard %v", got)
	}
	if got := <-batches; !slices.Equal(got, []byte("\x07abc")) {
		t.Errorf("heard the batch %q", got)
	}
	if got := <-revoked; got != 9 {
		t.Errorf("heard the credential %d", got)
	}
	if got := <-walls; !slices.Equal(got, []byte("\x07fly")) {
		t.Errorf("heard the control %q", got)
	}
	// A ring of the other node comes after any echo of our own would have.
	there.Ring(7, 42)
	if got := <-own; got != (ring{7, 42}) {
		t.Errorf("the node heard itself: %v", got)
	}
}

func TestAloneItListensOnNoPortAndCloses(t *testing.T) {
	b, err := Open("", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if !b.Alone() {
		t.Error("a node with its own server does not know it")
	}
	if addr := b.inner.Addr(); addr != nil {
		t.Errorf("it listens on %v", addr)
	}
	b.Ring(1, 1)
	b.Close()
	if b.inner.Running() {
		t.Error("its server runs on")
	}
	b.Ring(1, 2) // after the end: harmless
}

func TestNobodyThereIsAnError(t *testing.T) {
	if b, err := Open("nats://127.0.0.1:1", slog.New(slog.DiscardHandler)); err == nil {
		b.Close()
		t.Error("joined a bus that is not there")
	}
}
