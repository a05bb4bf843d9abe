package simulate

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gridward/gridward/server/wire"
)

const epoch = "0199aaaa-0000-7000-8000-000000000001"

// script is what a server says on one connection: texts, binary frames
// ([]byte), and an int as the close code at the end.
type script []any

func text(format string, args ...any) string { return fmt.Sprintf(format, args...) }

func welcome(seq int) string {
	return text(`{"type":"welcome","at":1,"server":"t","tick_ms":1000,"regions":[{"region":2,"epoch":"%s","seq":%d}],"mask":0,"scope":["1."]}`, epoch, seq)
}

func event(seq int) string {
	return text(`{"type":"event","region":2,"seq":%d,"at":1,"kind":"duty.started","subject":"x","body":{}}`, seq)
}

const (
	names  = `{"type":"names","names":[{"h":1,"id":101,"name":"甲"},{"h":2,"id":102,"name":"乙"}]}`
	isLive = `{"type":"live"}`
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func frame(flags uint8, seq uint32, second int, handles ...uint32) []byte {
	var points []wire.Point
	for _, h := range handles {
		points = append(points, wire.Point{Handle: h, Lon: 114.2, Lat: 22.69, AgeMs: 300, Presence: 3})
	}
	return wire.AppendPoints(nil, wire.Header{Flags: flags, Seq: seq, Base: noon.Add(time.Duration(second) * time.Second)}, points)
}

// stage serves scripts, one per connection, the last one again and again, and
// keeps what the clients said hello with.
type stage struct {
	mu      sync.Mutex
	scripts []script
	hellos  []string
}

func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: %s\r\nSec-WebSocket-Accept: %s\r\n\r\n", r.Header.Get("Sec-WebSocket-Protocol"), base64.StdEncoding.EncodeToString(sum[:]))
	rw.Flush()
	_, hello := readMasked(rw.Reader)
	s.mu.Lock()
	s.hellos = append(s.hellos, hello)
	lines := s.scripts[min(len(s.hellos), len(s.scripts))-1]
	s.mu.Unlock()
	for _, line := range lines {
		switch line := line.(type) {
		case string: // in two fragments with a ping between, as a server may
			half := len(line) / 2
			writeFrame(rw, opText, false, []byte(line[:half]))
			writeFrame(rw, opPing, true, []byte("are you there"))
			writeFrame(rw, opContinue, true, []byte(line[half:]))
			rw.Flush()
			if op, echo := readMasked(rw.Reader); op != opPong || echo != "are you there" {
				panic("the ping was not answered: " + echo)
			}
		case []byte:
			writeFrame(rw, opBinary, true, line)
		case int:
			writeFrame(rw, opClose, true, binary.BigEndian.AppendUint16(nil, uint16(line)))
		}
	}
	rw.Flush()
	io.Copy(io.Discard, rw) // until the client goes
}

func readMasked(r *bufio.Reader) (op byte, payload string) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, ""
	}
	if head[1]&0x80 == 0 {
		panic("a client frame without a mask")
	}
	size := int(head[1] & 0x7f)
	if size == 126 {
		var n [2]byte
		io.ReadFull(r, n[:])
		size = int(binary.BigEndian.Uint16(n[:]))
	}
	b := make([]byte, 4+size)
	io.ReadFull(r, b)
	for i := range b[4:] {
		b[4+i] ^= b[i%4]
	}
	return head[0] & 0x0f, string(b[4:])
}

func writeFrame(w io.Writer, op byte, final bool, payload []byte) {
	head := []byte{op, 0}
	if final {
		head[0] |= 0x80
	}
	switch {
	case len(payload) < 126:
		head[1] = byte(len(payload))
	default:
		head[1] = 126
		head = binary.BigEndian.AppendUint16(head, uint16(len(payload)))
	}
	w.Write(append(head, payload...))
}

func TestScreenNoticesWhatIsWrong(t *testing.T) {
	tests := map[string]struct {
		say  script
		want string // part of the complaint; "" = none
	}{
		"all is well":                         {script{welcome(4), names, frame(1, 1, 0, 1, 2), isLive, event(5), frame(0, 2, 1, 1), frame(0, 5, 2, 2), event(6), 4400}, ""},
		"a skip counts as heard":              {script{welcome(4), names, frame(1, 1, 0), isLive, `{"type":"skip","region":2,"seq":5,"to":9}`, event(10), 4400}, ""},
		"a reset moves the cursor":            {script{welcome(4), names, frame(1, 1, 0), `{"type":"reset","region":2,"epoch":"` + epoch + `","seq":20,"reason":"far"}`, isLive, event(21), 4400}, ""},
		"something unknown is let pass":       {script{welcome(4), names, `{"type":"weather","rain":true}`, frame(1, 1, 0), isLive, 4400}, ""},
		"a number is missing":                 {script{welcome(4), names, frame(1, 1, 0), isLive, event(5), event(7), 4400}, "numbers 6 to 6 are missing"},
		"a number comes twice":                {script{welcome(4), names, frame(1, 1, 0), isLive, event(5), event(5), 4400}, "number 5 came again"},
		"a skip over something heard":         {script{welcome(4), names, isLive, event(5), `{"type":"skip","region":2,"seq":5,"to":6}`, 4400}, "number 5 came again"},
		"a handle nobody announced":           {script{welcome(4), names, frame(1, 1, 0, 9), isLive, 4400}, "handle 9 was never announced"},
		"a handle given to another":           {script{welcome(4), names, `{"type":"names","names":[{"h":1,"id":999,"name":"丙"}]}`, isLive, 4400}, "handle 1 was worker 101 and is now 999"},
		"an older frame after a newer":        {script{welcome(4), names, isLive, frame(0, 2, 9, 1), frame(0, 3, 8, 1), 4400}, "a frame of"},
		"a frame number twice":                {script{welcome(4), names, isLive, frame(0, 2, 8, 1), frame(0, 2, 9, 1), 4400}, "frame 2 after frame 2"},
		"a frame that is cut off":             {script{welcome(4), names, isLive, frame(0, 2, 8, 1)[:40], 4400}, "not a position frame"},
		"an event of a region never welcomed": {script{`{"type":"welcome","regions":[]}`, names, isLive, event(1), 4400}, "never welcomed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(&stage{scripts: []script{tt.say}})
			defer server.Close()
			s := NewScreen(ScreenOptions{Base: server.URL, Cookie: "a=b"})
			if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "4400") {
				t.Fatalf("want the end by 4400, got %v", err)
			}
			if got := strings.Join(s.Wrong(), "; "); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("complains %q, want %q", got, tt.want)
			}
		})
	}
}

func TestScreenResumesWhereItWas(t *testing.T) {
	st := &stage{scripts: []script{
		{welcome(4), names, frame(1, 7, 0, 1), isLive, event(5), frame(0, 8, 1, 1), 4409},
		{welcome(7), names, frame(1, 1, 5, 1, 2), event(6), event(7), isLive, event(8), 4400},
	}}
	server := httptest.NewServer(st)
	defer server.Close()
	var heard []int64
	s := NewScreen(ScreenOptions{Base: server.URL, MaxWait: time.Millisecond, OnEvent: func(e Event) { heard = append(heard, e.Seq) }})
	if err := s.Run(t.Context()); err == nil {
		t.Fatal("want the end by 4400")
	}
	if fmt.Sprint(heard) != "[5 6 7 8]" || len(s.Wrong()) > 0 {
		t.Errorf("heard %v, complains %q", heard, s.Wrong())
	}
	var hello struct {
		Resume []struct{ Region, After int64 }
	}
	if err := json.Unmarshal([]byte(st.hellos[1]), &hello); err != nil || len(hello.Resume) != 1 || hello.Resume[0].After != 5 {
		t.Errorf("resumed with %s", st.hellos[1])
	}
	n := s.Stats()
	if n.Connects != 2 || n.Closes[4409] != 1 || n.Frames != 3 || s.Latency.Count() != 1 || len(s.Marks()) != 2 {
		t.Errorf("%+v, %d latencies, marks %v", n, s.Latency.Count(), s.Marks())
	}
}

func TestScreenSignsInAgain(t *testing.T) {
	st := &stage{scripts: []script{{4401}, {welcome(1), isLive, 4400}}}
	server := httptest.NewServer(st)
	defer server.Close()
	signed := 0
	s := NewScreen(ScreenOptions{Base: server.URL, MaxWait: time.Millisecond, SignIn: func(context.Context) (string, error) { signed++; return "x=y", nil }})
	_ = s.Run(t.Context())
	if signed != 2 || s.Stats().Connects != 2 {
		t.Errorf("signed in %d times, connected %d times", signed, s.Stats().Connects)
	}
}

func TestSpreadQuantiles(t *testing.T) {
	var s Spread
	for i := 1; i <= 1000; i++ {
		s.Add(time.Duration(i) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		if got := s.Quantile(q); got < want || float64(got) > 1.06*float64(want) {
			t.Errorf("quantile %.2f is %v, want %v", q, got, want)
		}
	}
}
