package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

// Real sockets, the real journal, writers that compete for its numbers, bells
// that get lost, and screens that are cut off in the middle of a frame, again
// and again: each screen hears every number exactly once and in order.
func TestEveryNumberExactlyOnceUnderConcurrentWritesAndCuts(t *testing.T) {
	const writers, each, screens = 4, 150, 6
	db := pgtest.New(t)
	ctx, stop := context.WithCancel(context.Background())
	regions := twoStreets(t, db)
	l := New(Deps{
		Board: board.New(time.Now), Tick: 20 * time.Millisecond, Poll: 50 * time.Millisecond,
		Journal: func(ctx context.Context, region, after int64, limit int) ([]journal.Entry, error) {
			return postgres.ReadJournal(ctx, db.Pool, region, after, limit)
		},
		Heads: func(ctx context.Context) (map[int64]Head, error) {
			list, err := postgres.Regions(ctx, db.Pool)
			heads := map[int64]Head{}
			for _, r := range list {
				heads[r.ID] = Head{r.Seq, r.Epoch, r.Path}
			}
			return heads, err
		},
		Authenticate: func(*http.Request) (access.Session, error) {
			return session(1, access.Post{Org: regions[0], Path: regions.path(0), Region: regions[0], Role: access.Commander},
				access.Post{Org: regions[1], Path: regions.path(1), Region: regions[1], Role: access.Commander}), nil
		},
	})
	var running sync.WaitGroup
	running.Go(func() { _ = l.Run(ctx) })
	server := httptest.NewServer(l)
	<-l.ready
	defer running.Wait()
	defer stop()
	defer server.Close()
	url := "ws" + strings.TrimPrefix(server.URL, "http")

	var reading, writing sync.WaitGroup
	start := make(chan struct{})
	var ready sync.WaitGroup
	ready.Add(screens)
	for i := range screens {
		reading.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			heard, cuts, err := listen(t, url, rng, i%2 == 0, &ready, regions, writers*each)
			if err != nil {
				t.Errorf("screen %d: %v", i, err)
			}
			if heard != 2*writers*each {
				t.Errorf("screen %d heard %d entries after %d cuts, not %d", i, heard, cuts, 2*writers*each)
			}
			if i%2 == 0 && cuts == 0 {
				t.Errorf("screen %d was never cut", i)
			}
		})
	}
	ready.Wait()
	for w := range writers {
		writing.Go(func() {
			<-start
			rng := rand.New(rand.NewPCG(uint64(w), 2))
			for n := range each {
				for i, region := range regions {
					body, _ := json.Marshal(map[string]string{"title": fmt.Sprintf("%d/%d", w, n)})
					err := db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
						_, err := postgres.AppendJournal(ctx, tx, region, journal.Entry{Kind: "incident.reported", Subject: fmt.Sprint(w, "-", n), OrgPath: regions.path(i), Body: body})
						return err
					})
					if err != nil {
						t.Error(err)
						return
					}
					if rng.IntN(3) > 0 { // every third ring is lost
						l.Ring(region, 1<<60)
					}
				}
			}
		})
	}
	close(start)
	writing.Wait()
	reading.Wait()
}

// listen is a screen that resumes by number for as long as it takes.
func listen(t *testing.T, url string, rng *rand.Rand, cut bool, ready *sync.WaitGroup, regions pair, last int64) (heard, cuts int, err error) {
	cursors := map[int64]cursor{}
	var once sync.Once
	defer once.Do(ready.Done)
	deadline := time.Now().Add(60 * time.Second)
	for time.Now().Before(deadline) {
		conn, _, err := websocket.DefaultDialer.Dial(url, http.Header{"Sec-WebSocket-Protocol": {Protocol}})
		if err != nil {
			return heard, cuts, err
		}
		c := &client{t: t, conn: conn, names: map[uint32]name{}, cursors: cursors}
		resume := make([]cursor, 0, 2)
		for _, k := range cursors {
			resume = append(resume, k)
		}
		if err := conn.WriteJSON(hello(resume...)); err != nil {
			return heard, cuts, err
		}
		if cut {
			after := time.Duration(5+rng.IntN(60)+5*cuts) * time.Millisecond // ever later, so that it ends on any machine
			timer := time.AfterFunc(after, func() { _ = conn.NetConn().Close() })
			defer timer.Stop()
		}
		for {
			err = c.read()
			if c.live {
				once.Do(ready.Done)
			}
			if err != nil || cursors[regions[0]].After == last && cursors[regions[1]].After == last {
				break
			}
		}
		heard += len(c.events)
		_ = conn.Close()
		switch {
		case len(c.resets) > 0:
			return heard, cuts, fmt.Errorf("reset: %+v", c.resets)
		case err == nil:
			return heard, cuts, nil
		case !broken(err):
			return heard, cuts, err
		}
		cuts++
	}
	return heard, cuts, errors.New("it took more than a minute")
}

// broken reports whether the connection ended, as against a broken protocol.
func broken(err error) bool {
	var op *net.OpError
	var closed *websocket.CloseError
	return errors.As(err, &op) || errors.As(err, &closed) || errors.Is(err, net.ErrClosed)
}

type pair [2]int64

func (p pair) path(i int) string { return fmt.Sprintf("%d.", p[i]) }

// twoStreets makes two organisations with a journal each.
func twoStreets(t *testing.T, db *postgres.DB) pair {
	t.Helper()
	var p pair
	for i := range p {
		err := db.Pool.QueryRow(t.Context(), `INSERT INTO org (region_id, path, code, kind, name) VALUES (0, '', $1, 'street', '街道') RETURNING id`, fmt.Sprint(i)).Scan(&p[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Pool.Exec(t.Context(), `UPDATE org SET region_id = id, path = id || '.' WHERE id = $1`, p[i]); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Pool.Exec(t.Context(), `INSERT INTO region (id) VALUES ($1)`, p[i]); err != nil {
			t.Fatal(err)
		}
	}
	return p
}
