package frontend

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func TestHandler(t *testing.T) {
	files := fstest.MapFS{
		"placeholder.html":      {Data: []byte("placeholder")},
		"screen/index.html":     {Data: []byte("the wall")},
		"m/index.html":          {Data: []byte("the worker")},
		"m/sw.js":               {Data: []byte("service worker")},
		"assets/app-1a2b.js":    {Data: []byte("plain")},
		"assets/app-1a2b.js.gz": {Data: []byte("packed")},
		"fonts/noto.woff2":      {Data: []byte("font")},
	}
	for name, c := range map[string]struct {
		path, gzip   string
		status       int
		body, header string // header as "Name: part of value"
	}{
		"the wall has no slash":                    {path: "/screen", status: 200, body: "the wall", header: "Cache-Control: no-cache"},
		"a page carries the policy":                {path: "/screen", status: 200, body: "the wall", header: "Content-Security-Policy: default-src 'none'"},
		"an unbuilt console shows the placeholder": {path: "/console/", status: 200, body: "placeholder"},
		"a deep link is the same page":             {path: "/m/duty", status: 200, body: "the worker"},
		"the worker's page needs its slash":        {path: "/m", status: 302, header: "Location: /m/"},
		"the service worker is never cached":       {path: "/m/sw.js", status: 200, body: "service worker", header: "Cache-Control: no-cache"},
		"a hashed file is immutable":               {path: "/assets/app-1a2b.js", status: 200, body: "plain", header: "Cache-Control: public, max-age=31536000, immutable"},
		"a hashed file is sent packed":             {path: "/assets/app-1a2b.js", gzip: "gzip, br", status: 200, body: "packed", header: "Content-Encoding: gzip"},
		"the packed twin has no address":           {path: "/assets/app-1a2b.js.gz", status: 404},
		"the placeholder has no address":           {path: "/placeholder.html", status: 404},
		"a font names its type":                    {path: "/fonts/noto.woff2", status: 200, body: "font", header: "Content-Type: font/woff2"},
		"a missing file is not the page":           {path: "/m/old-chunk.js", status: 404},
		"nothing above the tree":                   {path: "/../embed.go", status: 404},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.URL.Path = c.path
			if c.gzip != "" {
				r.Header.Set("Accept-Encoding", c.gzip)
			}
			w := httptest.NewRecorder()
			Handler(files).ServeHTTP(w, r)
			if w.Code != c.status {
				t.Fatalf("status %d, want %d", w.Code, c.status)
			}
			if c.body != "" && w.Body.String() != c.body {
				t.Errorf("body %q, want %q", w.Body, c.body)
			}
			if key, part, found := strings.Cut(c.header, ": "); found && !strings.Contains(w.Header().Get(key), part) {
				t.Errorf("%s is %q, want %q in it", key, w.Header().Get(key), part)
			}
		})
	}
	t.Run("only GET and HEAD", func(t *testing.T) {
		w := httptest.NewRecorder()
		Handler(files).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/screen", nil))
		if w.Code != http.StatusMethodNotAllowed {
			t.Fatalf("status %d", w.Code)
		}
	})
}

func TestEmbeddedTreeHasThePlaceholder(t *testing.T) {
	w := httptest.NewRecorder()
	Handler(Files()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/screen", nil))
	if w.Code != 200 || w.Body.Len() == 0 {
		t.Fatalf("status %d, %d bytes", w.Code, w.Body.Len())
	}
}
