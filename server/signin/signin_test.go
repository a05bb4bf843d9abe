package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/pgtest"
	"github.com/gridward/gridward/server/postgres"
)

const goodPassword = "Correct-Horse-7"

type door struct {
	*Signin
	db  *postgres.DB
	now atomic.Int64
	org int64
}

func newDoor(t *testing.T, o Options) *door {
	t.Helper()
	d := &door{db: pgtest.New(t)}
	d.now.Store(time.Now().UnixNano())
	o.Clock = func() time.Time { return time.Unix(0, d.now.Load()) }
	d.Signin = New(d.db, o)
	if err := d.db.Pool.QueryRow(t.Context(), `INSERT INTO org (region_id, path, code, kind, name) VALUES (1, '1.', '990101001', 'street', '明湖街道') RETURNING id`).Scan(&d.org); err != nil {
		t.Fatal(err)
	}
	id, err := postgres.InsertAccount(t.Context(), d.db.Pool, postgres.Account{Login: "station1", Name: "王", PasswordHash: HashPassword(goodPassword)})
	if err != nil {
		t.Fatal(err)
	}
	if err := postgres.AddPost(t.Context(), d.db.Pool, id, d.org, access.Station); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *door) pass(by time.Duration) { d.now.Add(int64(by)) }

func from(addr string, cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest("POST", "/", nil)
	r.RemoteAddr = addr + ":1000"
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

func TestASessionsLife(t *testing.T) {
	t.Parallel()
	d := newDoor(t, Options{})
	ctx := t.Context()
	s, cookie, err := d.Login(ctx, from("10.0.0.1"), " Station1 ", goodPassword)
	if err != nil || cookie.Name != "gridward" || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || len(s.Posts) != 1 {
		t.Fatal(err, cookie, s)
	}
	if _, err := d.Authenticate(from("10.0.0.1", cookie)); err != nil {
		t.Error(err)
	}
	forged := *cookie
	forged.Value = cookie.Value[:len(cookie.Value)-1] + "x"
	if forged.Value == cookie.Value {
		forged.Value = cookie.Value[:len(cookie.Value)-1] + "y"
	}
	if _, err := d.Authenticate(from("10.0.0.1", &forged)); !fault.Is(err, fault.Unknown) {
		t.Errorf("a forged cookie: %v", err)
	}
	// used every 20 minutes it lives to the twelfth hour and no longer
	for range 35 {
		d.pass(20 * time.Minute)
		if _, err := d.Authenticate(from("10.0.0.1", cookie)); err != nil {
			t.Fatal(err)
		}
	}
	d.pass(25 * time.Minute)
	if _, err := d.Authenticate(from("10.0.0.1", cookie)); !fault.Is(err, fault.Unknown) {
		t.Errorf("after twelve hours: %v", err)
	}
	_, cookie, err = d.Login(ctx, from("10.0.0.1"), "station1", goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	d.pass(31 * time.Minute)
	if _, err := d.Authenticate(from("10.0.0.1", cookie)); !fault.Is(err, fault.Unknown) {
		t.Errorf("after half an hour of nothing: %v", err)
	}
	s, cookie, err = d.Login(ctx, from("10.0.0.1"), "station1", goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	closed := 0
	d.Watch(s.Credential, func() { closed++ })
	if _, err := d.Logout(ctx, from("10.0.0.1", cookie), s); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Authenticate(from("10.0.0.1", cookie)); !fault.Is(err, fault.Unknown) || closed != 1 {
		t.Errorf("after signing out: %v, %d sockets closed", err, closed)
	}
	var stored int
	if err := d.db.Pool.QueryRow(ctx, `SELECT count(*) FROM credential WHERE encode(hash, 'escape') LIKE '%' || $1 || '%' OR prefix = $1`, cookie.Value).Scan(&stored); err != nil || stored != 0 {
		t.Errorf("a token lies in the database: %v", err)
	}
}

// A login that exists and one that does not behave alike, to the status and the lock.
func TestGuessingIsSlowAndTellsNothing(t *testing.T) {
	t.Parallel()
	for _, login := range []string{"station1", "nobody"} {
		d := newDoor(t, Options{})
		story := []string{}
		for i := range 7 {
			_, _, err := d.Login(t.Context(), from(fmt.Sprintf("10.0.1.%d", i)), login, "wrong")
			var locked *Locked
			switch {
			case errors.As(err, &locked):
				story = append(story, "locked")
			case fault.Is(err, fault.Unknown):
				story = append(story, err.Error())
			default:
				t.Fatal(err)
			}
		}
		wrong := "登录名或密码不正确 "
		if got, want := strings.Join(story, " "), strings.Repeat(wrong, 5)+"locked locked"; got != want {
			t.Errorf("%s: %s", login, got)
		}
		if login == "nobody" {
			continue
		}
		if _, _, err := d.Login(t.Context(), from("10.0.2.1"), login, goodPassword); err == nil {
			t.Error("the right password opened a locked account")
		}
		d.pass(16 * time.Minute)
		if _, _, err := d.Login(t.Context(), from("10.0.2.1"), login, goodPassword); err != nil {
			t.Errorf("after a quarter of an hour: %v", err)
		}
	}
}

func TestManyGuessesAtOnceDoNotOutrunTheCount(t *testing.T) {
	t.Parallel()
	d := newDoor(t, Options{})
	var looked atomic.Int64
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			if _, _, err := d.Login(context.Background(), from(fmt.Sprintf("10.1.0.%d", i)), "station1", "wrong"); fault.Is(err, fault.Unknown) {
				looked.Add(1)
			}
		})
	}
	all.Wait()
	if looked.Load() > lockAfter {
		t.Errorf("%d of 24 parallel guesses were looked at", looked.Load())
	}
}

func TestOneAddressCannotTryEveryLogin(t *testing.T) {
	t.Parallel()
	d := newDoor(t, Options{})
	var locked *Locked
	for i := range addressLimit {
		if _, _, err := d.Login(t.Context(), from("10.2.0.1"), fmt.Sprintf("guess%d", i), "wrong"); !fault.Is(err, fault.Unknown) {
			t.Fatal(i, err)
		}
	}
	if _, _, err := d.Login(t.Context(), from("10.2.0.1"), "station1", goodPassword); !errors.As(err, &locked) {
		t.Errorf("the address is not held: %v", err)
	}
	if _, _, err := d.Login(t.Context(), from("10.2.0.2"), "station1", goodPassword); err != nil {
		t.Errorf("the neighbour is held too: %v", err)
	}
}

func TestANewPasswordEndsTheOtherSessions(t *testing.T) {
	t.Parallel()
	d := newDoor(t, Options{})
	here, hereCookie, err := d.Login(t.Context(), from("10.0.0.1"), "station1", goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	there, thereCookie, err := d.Login(t.Context(), from("10.0.0.2"), "station1", goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	closed := map[string]int{}
	d.Watch(here.Credential, func() { closed["here"]++ })
	d.Watch(there.Credential, func() { closed["there"]++ })
	if err := d.ChangePassword(t.Context(), here, "wrong", "New-Horse-88"); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
	if err := d.ChangePassword(t.Context(), here, goodPassword, "weak"); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
	if err := d.ChangePassword(t.Context(), here, goodPassword, "New-Horse-88"); err != nil {
		t.Fatal(err)
	}
	_, err1 := d.Authenticate(from("10.0.0.1", hereCookie))
	_, err2 := d.Authenticate(from("10.0.0.2", thereCookie))
	if err1 != nil || !fault.Is(err2, fault.Unknown) || closed["here"] != 0 || closed["there"] != 1 {
		t.Errorf("%v %v %v", err1, err2, closed)
	}
	// revoked by another node: the look finds it
	if err := postgres.RevokeCredential(t.Context(), d.db.Pool, here.Credential); err != nil {
		t.Fatal(err)
	}
	if err := d.look(t.Context()); err != nil || closed["here"] != 1 {
		t.Errorf("%v %v", err, closed)
	}
}

func TestAKioskIsPairedOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t, Options{})
	network := netip.MustParsePrefix("10.5.0.0/24")
	id, err := postgres.InsertKiosk(t.Context(), d.db.Pool, d.org, "大厅", &network, 1)
	if err != nil {
		t.Fatal(err)
	}
	code, _, err := d.NewPairing(t.Context(), d.db.Pool, id)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Pair(t.Context(), from("10.6.0.1"), code); !fault.Is(err, fault.Unknown) {
		t.Errorf("from outside its network: %v", err)
	}
	s, cookie, err := d.Pair(t.Context(), from("10.5.0.9"), strings.ToLower(code))
	if err != nil || s.Kiosk != id || s.Has(access.Report) || !s.Has(access.SeeMap) || s.Mask() != access.MaskPeople {
		t.Fatal(err, s)
	}
	if _, _, err := d.Pair(t.Context(), from("10.5.0.10"), code); !fault.Is(err, fault.Unknown) {
		t.Errorf("the code worked twice: %v", err)
	}
	d.pass(48 * time.Hour) // a wall stands for days without a request
	if _, err := d.Authenticate(from("10.5.0.9", cookie)); err != nil {
		t.Error(err)
	}
	if _, err := d.Authenticate(from("10.6.0.9", cookie)); !fault.Is(err, fault.Unknown) {
		t.Errorf("the cookie was carried out of the network: %v", err)
	}
	late, _, err := d.NewPairing(t.Context(), d.db.Pool, id)
	if err != nil {
		t.Fatal(err)
	}
	d.pass(11 * time.Minute)
	if _, _, err := d.Pair(t.Context(), from("10.5.0.9"), late); !fault.Is(err, fault.Unknown) {
		t.Errorf("after eleven minutes: %v", err)
	}
	guessed, _, err := d.NewPairing(t.Context(), d.db.Pool, id)
	if err != nil {
		t.Fatal(err)
	}
	for i := range pairingAttempts {
		_, _, _ = d.Pair(t.Context(), from(fmt.Sprintf("10.5.0.%d", 20+i)), "AAAA-AAAA")
	}
	if _, _, err := d.Pair(t.Context(), from("10.5.0.9"), guessed); !fault.Is(err, fault.Unknown) {
		t.Errorf("after %d guesses: %v", pairingAttempts, err)
	}
	closed := 0
	d.Watch(s.Credential, func() { closed++ })
	if err := d.RevokeKiosk(t.Context(), access.Session{}, id); err != nil || closed != 1 {
		t.Error(err, closed)
	}
	if _, err := d.Authenticate(from("10.5.0.9", cookie)); !fault.Is(err, fault.Unknown) {
		t.Errorf("a revoked wall: %v", err)
	}
}

func TestWhoseAddressCounts(t *testing.T) {
	s := &Signin{proxies: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}}
	for sentence, c := range map[string]struct{ peer, forwarded, want string }{
		"nobody in between":                   {"192.0.2.7", "", "192.0.2.7"},
		"a stranger's header is not believed": {"192.0.2.7", "198.51.100.1", "192.0.2.7"},
		"our proxy is believed":               {"10.9.0.1", "198.51.100.1", "198.51.100.1"},
		"two of our proxies":                  {"10.9.0.1", "198.51.100.1, 10.9.0.2", "198.51.100.1"},
		"what the client wrote first is not":  {"10.9.0.1", "127.0.0.1, 198.51.100.1", "198.51.100.1"},
		"rubbish ends the search":             {"10.9.0.1", "rubbish", "10.9.0.1"},
	} {
		r := from(c.peer)
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := s.Address(r); got != c.want {
			t.Errorf("%s: %s", sentence, got)
		}
	}
}

func TestAnotherSitesPageIsRefused(t *testing.T) {
	h := Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	for sentence, c := range map[string]struct {
		method, site string
		want         int
	}{
		"our own page":          {"POST", "same-origin", 204},
		"another site's form":   {"POST", "cross-site", 403},
		"another site's link":   {"GET", "cross-site", 204},
		"a phone's own program": {"POST", "", 204},
	} {
		r := httptest.NewRequest(c.method, "/api/v1/incidents", nil)
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d", sentence, w.Code)
		}
	}
}

func TestPasswordStringsThatAreNotOurs(t *testing.T) {
	for _, phc := range []string{"", "$argon2id$", "$argon2i$v=19$m=1,t=1,p=1$AAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=999999999,t=1,p=1$AAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=8,t=1,p=0$AAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", "$2a$10$abcdefghijklmnopqrstuv"} {
		if ok, err := matches(phc, "x"); ok || err == nil {
			t.Errorf("%q: %v %v", phc, ok, err)
		}
	}
	if ok, err := matches(HashPassword("龙岗-Aa1"), "龙岗-Aa1"); !ok || err != nil {
		t.Error(ok, err)
	}
}
