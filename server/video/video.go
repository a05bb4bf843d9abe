// Package video is the door that cameras are seen through: /video/{ticket}/….
//
// We speak no SIP and keep no picture. A gateway of the customer's makes HLS of
// a camera; this door fetches its playlists and segments and hands them on, so
// that the browser talks to us alone and the gateway needs no way to it. A
// ticket opens one camera, to one account, for some minutes; who looks and why
// was recorded when it was issued.
//
// The door fetches nothing but what the gateway's own playlists name, and that
// only from the gateway's origin: every reference is replaced by one that holds
// its path, sealed with the ticket's key. What the client sends is never part of
// an address.
package video

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/territory"
)

const (
	mostPlaylist = 1 << 20
	mostSegment  = 256 << 20
	patience     = 10 * time.Second // for the gateway's first byte
)

// Gateway is where cameras play: a URL with {stream} in its path or query.
type Gateway struct {
	template string
	origin   *url.URL
}

// ParseGateway reads the template; "" is no gateway.
func ParseGateway(template string) (Gateway, error) {
	if template == "" {
		return Gateway{}, nil
	}
	if strings.Count(template, "{stream}") != 1 {
		return Gateway{}, errors.New("want {stream} once, where the camera's name belongs")
	}
	u, err := url.Parse(strings.Replace(template, "{stream}", "x", 1))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return Gateway{}, errors.New("want http:// or https:// with a host, like http://10.0.0.5:8080/live/{stream}/index.m3u8")
	}
	if head, _, _ := strings.Cut(template, "{stream}"); !strings.Contains(strings.TrimPrefix(strings.TrimPrefix(head, "http://"), "https://"), "/") {
		return Gateway{}, errors.New("{stream} belongs into the path, not into the host")
	}
	return Gateway{template, &url.URL{Scheme: u.Scheme, Host: u.Host, User: u.User}}, nil
}

// playlist is the address of a camera's stream.
func (g Gateway) playlist(stream string) (*url.URL, error) {
	if !territory.StreamName(stream) {
		return nil, fault.New(fault.Missing, "这个摄像头的流名称不合规，请在视频点位中修改")
	}
	u, err := url.Parse(strings.Replace(g.template, "{stream}", stream, 1))
	if err != nil {
		return nil, fmt.Errorf("make the stream's address: %w", err)
	}
	u.User = nil
	return u, nil
}

// Deps are what the door needs of the house.
type Deps struct {
	DB      *postgres.DB
	Clock   func() time.Time
	Log     *slog.Logger
	Gateway Gateway
}

// Video is the door.
type Video struct {
	d      Deps
	client *http.Client
}

// New makes the door.
func New(d Deps) *Video {
	if d.Clock == nil {
		d.Clock = time.Now
	}
	if d.Log == nil {
		d.Log = slog.Default()
	}
	v := &Video{d: d}
	v.client = &http.Client{
		Transport: &http.Transport{
			Proxy: nil, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, TLSHandshakeTimeout: 5 * time.Second,
			ResponseHeaderTimeout: patience, MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 3 || !v.ours(r.URL) {
				return errors.New("the gateway sends us elsewhere")
			}
			return nil
		},
	}
	return v
}

// Ready reports whether there is a gateway.
func (v *Video) Ready() bool { return v.d.Gateway.template != "" }

// ours reports whether an address lies at the gateway.
func (v *Video) ours(u *url.URL) bool {
	return v.Ready() && u.Scheme == v.d.Gateway.origin.Scheme && strings.EqualFold(u.Host, v.d.Gateway.origin.Host)
}

// Routes puts the door on the main address.
func (v *Video) Routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /video/{ticket}/{ref}", v.serve)
}

func (v *Video) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	play, err := v.admit(r)
	if err == nil {
		var at *url.URL
		if at, err = v.address(play, r.PathValue("ref")); err == nil {
			err = v.pass(r.Context(), w, r, play, at)
		}
	}
	if err != nil && r.Context().Err() == nil {
		v.refuse(r.Context(), w, err)
	}
}

// admit finds what the ticket opens and whether it is good for the caller, now.
func (v *Video) admit(r *http.Request) (postgres.Play, error) {
	who, ok := access.From(r.Context())
	if !ok {
		return postgres.Play{}, fault.New(fault.Unknown, "请先登录")
	}
	play, ok, err := postgres.TicketByHash(r.Context(), v.d.DB.Pool, postgres.HashToken(r.PathValue("ticket")))
	switch {
	case err != nil:
		return play, err
	case !ok || who.Account == 0 || play.Account != who.Account:
		return play, fault.New(fault.Denied, "播放凭证无效，请重新打开视频")
	case play.RevokedAt != nil || play.Status == "retired":
		return play, fault.New(fault.Denied, "播放凭证已被撤销")
	case !v.d.Clock().Before(play.ExpiresAt):
		return play, fault.New(fault.Denied, "播放凭证已过期，请说明事由后重新打开视频")
	case !who.May(access.SeeVideo, play.OrgPath):
		return play, fault.New(fault.Denied, "您已没有查看这个摄像头的权限")
	case !v.Ready():
		return play, fault.New(fault.Busy, "没有配置视频网关")
	}
	return play, nil
}

// first is the reference that a ticket's address ends with.
const first = "index.m3u8"

// address is where at the gateway a reference leads.
func (v *Video) address(play postgres.Play, ref string) (*url.URL, error) {
	if ref == first {
		return v.d.Gateway.playlist(play.Stream)
	}
	target, ok := openRef(play.Key, ref)
	if !ok {
		return nil, fault.New(fault.Missing, "没有这段视频")
	}
	u, err := url.Parse(target)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(u.Path, "/") {
		return nil, fault.New(fault.Missing, "没有这段视频")
	}
	u.Scheme, u.Host = v.d.Gateway.origin.Scheme, v.d.Gateway.origin.Host
	return u, nil
}

// pass hands on what the gateway says: a playlist rewritten, anything else as it is.
func (v *Video) pass(ctx context.Context, w http.ResponseWriter, r *http.Request, play postgres.Play, at *url.URL) error {
	req, err := http.NewRequestWithContext(ctx, r.Method, at.String(), nil)
	if err != nil {
		return fmt.Errorf("ask the gateway: %w", err)
	}
	if user := v.d.Gateway.origin.User; user != nil {
		password, _ := user.Password()
		req.SetBasicAuth(user.Username(), password)
	}
	if ranged := r.Header.Get("Range"); ranged != "" {
		req.Header.Set("Range", ranged)
	}
	res, err := v.client.Do(req)
	if err != nil {
		v.d.Log.WarnContext(ctx, "the video gateway does not answer", "camera", play.Camera, "err", bare(err))
		return fault.New(fault.Busy, "视频网关无法访问，请稍后再试")
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK, http.StatusPartialContent:
	case http.StatusNotFound, http.StatusGone:
		return fault.New(fault.Missing, "摄像头没有画面，或者这段视频已经过去")
	default:
		v.d.Log.WarnContext(ctx, "the video gateway refuses", "camera", play.Camera, "status", res.StatusCode)
		return fault.New(fault.Busy, "视频网关拒绝了请求，请稍后再试")
	}
	start := make([]byte, len(mark))
	n, err := io.ReadFull(res.Body, start)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.Because(err, fault.Busy, "视频网关中断了连接，请稍后再试")
	}
	body := io.MultiReader(strings.NewReader(string(start[:n])), res.Body)
	h := w.Header()
	if string(start[:n]) != mark {
		if strings.HasSuffix(r.PathValue("ref"), ".m3u8") && r.Method == http.MethodGet {
			return fault.New(fault.Busy, "视频网关没有返回播放列表")
		}
		h.Set("Content-Type", mediaType(res.Header.Get("Content-Type"), at.Path))
		for _, name := range []string{"Content-Length", "Content-Range", "Accept-Ranges"} {
			if s := res.Header.Get(name); s != "" {
				h.Set(name, s)
			}
		}
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, io.LimitReader(body, mostSegment))
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(body, mostPlaylist+1))
	if err != nil || len(text) > mostPlaylist {
		return fault.Because(err, fault.Busy, "视频网关的播放列表无法读取")
	}
	out, err := rewrite(string(text), res.Request.URL, v.ours, func(path string) string { return sealRef(play.Key, path) })
	if err != nil {
		v.d.Log.WarnContext(ctx, "a playlist of the video gateway is refused", "camera", play.Camera, "err", err)
		return fault.New(fault.Busy, "视频网关的播放列表指向了其他地址，已拒绝")
	}
	h.Set("Content-Type", "application/vnd.apple.mpegurl")
	_, _ = io.WriteString(w, out)
	return nil
}

// bare is the error without the address, which may hold the gateway's password.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// mediaTypes by the end of a name; nothing else is said to be media.
var mediaTypes = map[string]string{
	".ts": "video/mp2t", ".m4s": "video/iso.segment", ".mp4": "video/mp4", ".m4v": "video/mp4", ".cmfv": "video/mp4", ".m4a": "audio/mp4", ".cmfa": "audio/mp4", ".aac": "audio/aac", ".vtt": "text/vtt",
}

// mediaType is what we call the gateway's content: never something that a
// browser would run.
func mediaType(theirs, name string) string {
	if t, ok := mediaTypes[strings.ToLower(path.Ext(name))]; ok {
		return t
	}
	theirs, _, _ = strings.Cut(theirs, ";")
	if strings.HasPrefix(theirs, "video/") || strings.HasPrefix(theirs, "audio/") {
		return theirs
	}
	return "application/octet-stream"
}
