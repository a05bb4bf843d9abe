package live

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
)

// sendBuffer bounds what the kernel holds of frames that a slow screen has not
// taken: what lies there grows old. It holds a snapshot of 10,000 workers.
const sendBuffer = 256 << 10

// ServeHTTP lets a screen in. Whatever a page can act on is said by a close
// code, because a browser shows a page nothing of a refused upgrade.
func (l *Live) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "this is a WebSocket", http.StatusUpgradeRequired)
		return
	}
	if !l.sameOrigin(r) {
		http.Error(w, "wrong origin", http.StatusForbidden)
		return
	}
	offered := websocket.Subprotocols(r)
	if len(offered) == 0 {
		http.Error(w, "offer the subprotocol "+Protocol, http.StatusBadRequest)
		return
	}
	speak, refuse := Protocol, closing{}
	if !slices.Contains(offered, Protocol) {
		speak, refuse = offered[0], closeOld
	}
	session, err := l.Authenticate(r)
	switch fault.Of(err) {
	case "":
		if err != nil {
			l.Log.Error("a screen could not be recognised", "error", err)
			busy(w)
			return
		}
	case fault.Busy:
		busy(w)
		return
	default:
		refuse = closeEnded
	}
	if refuse.code == 0 && (session.MustChange || !session.Has(access.SeeMap)) {
		http.Error(w, "the map is not for this account", http.StatusForbidden)
		return
	}
	address := l.Address(r)
	if !l.reserve(address) {
		busy(w)
		return
	}
	upgrader := websocket.Upgrader{
		HandshakeTimeout: 10 * time.Second, ReadBufferSize: 512, WriteBufferSize: 2048, WriteBufferPool: &l.buffers,
		Subprotocols: []string{speak}, CheckOrigin: func(*http.Request) bool { return true }, // checked above
	}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil { // it has answered
		l.release(address)
		return
	}
	bound(conn.NetConn())
	s := &screen{
		live: l, conn: conn, who: session.Principal, credential: session.Credential, address: address, kind: "account",
		news: make(chan struct{}, 1), done: make(chan struct{}), told: -1,
	}
	if s.who.Kiosk != 0 {
		s.kind = "kiosk"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leaving {
		refuse = closeLeaving
	}
	if refuse.code != 0 {
		s.fail(refuse)
	}
	l.screens[s] = struct{}{}
	l.wait.Go(s.run)
}

func busy(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "5")
	http.Error(w, "too many screens, or not ready", http.StatusServiceUnavailable)
}

// sameOrigin lets in pages of our own, and programs: they send no origin, and
// no page can make a browser leave it out.
func (l *Live) sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || l.origins[origin] {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || !strings.EqualFold(u.Host, r.Host) {
		return false
	}
	return r.TLS == nil || u.Scheme == "https"
}

// reserve counts a screen in, when there is room for it.
func (l *Live) reserve(address string) bool {
	select {
	case <-l.ready:
	default:
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leaving || len(l.screens) >= l.MaxScreens || l.addresses[address] >= l.MaxPerAddress {
		return false
	}
	l.addresses[address]++
	return true
}

func (l *Live) release(address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.addresses[address]--; l.addresses[address] <= 0 {
		delete(l.addresses, address)
	}
}

// bound limits the socket's send buffer, under TLS too.
func bound(conn net.Conn) {
	if inner, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = inner.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // a wish
	}
}
