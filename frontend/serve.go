package frontend

import (
	"bytes"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

// Policy is the Content-Security-Policy of every page: everything comes from
// this server, no eval, no foreign frames. Styles set by script (the map's
// markers, chart sizes) need 'unsafe-inline' for styles only.
const Policy = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; img-src 'self' data: blob:; " +
	"media-src 'self' blob:; font-src 'self'; style-src 'self' 'unsafe-inline'; manifest-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'self'"

// Handler serves the pages from files (Files(), or a directory while working
// on them).
//
//	/screen      the wall
//	/console/…   the console; every path below it is the same page
//	/m/…         the worker's page, its service worker and manifest
//	/assets/…    hashed files, cached for a year
//	/fonts/…     the embedded font and its licence
//
// Other paths are not found; the caller decides what / shows.
func Handler(files fs.FS) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
		if isFile(files, name) && name != "placeholder.html" {
			send(w, r, files, name)
			return
		}
		page := ""
		switch {
		case name == "screen":
			page = "screen/index.html"
		case name == "console" && !strings.HasSuffix(r.URL.Path, "/"):
			http.Redirect(w, r, "/console/", http.StatusFound)
			return
		case name == "m" && !strings.HasSuffix(r.URL.Path, "/"):
			http.Redirect(w, r, "/m/", http.StatusFound)
			return
		case name == "console" || strings.HasPrefix(name, "console/") && path.Ext(name) == "":
			page = "console/index.html"
		case name == "m" || strings.HasPrefix(name, "m/") && path.Ext(name) == "":
			page = "m/index.html"
		default:
			http.NotFound(w, r)
			return
		}
		if !isFile(files, page) {
			page = "placeholder.html"
		}
		send(w, r, files, page)
	})
}

func isFile(files fs.FS, name string) bool {
	if !fs.ValidPath(name) || strings.HasSuffix(name, ".gz") {
		return false
	}
	info, err := fs.Stat(files, name)
	return err == nil && !info.IsDir()
}

func send(w http.ResponseWriter, r *http.Request, files fs.FS, name string) {
	h := w.Header()
	ctype := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) { // what the machine's mime table must not decide
	case ".mjs", ".js":
		ctype = "text/javascript; charset=utf-8"
	case ".woff2":
		ctype = "font/woff2"
	case ".webmanifest":
		ctype = "application/manifest+json"
	}
	if ctype != "" {
		h.Set("Content-Type", ctype)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	if strings.Contains("/"+name, "/assets/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else if strings.HasPrefix(name, "fonts/") {
		h.Set("Cache-Control", "public, max-age=604800")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	if path.Ext(name) == ".html" {
		h.Set("Content-Security-Policy", Policy)
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Permissions-Policy", "geolocation=(self), camera=(self), microphone=(), payment=()")
	}
	body, err := fs.ReadFile(files, name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	h.Add("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		if packed, err := fs.ReadFile(files, name+".gz"); err == nil {
			h.Set("Content-Encoding", "gzip")
			body = packed
		}
	}
	// Embedded files have no time of their own; hashed names and no-cache pages need none.
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
}
