package api

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/territory"
	"github.com/gridward/gridward/server/territory/intake"
)

// playFor is how long a ticket is good; the table allows no more.
const playFor = 10 * time.Minute

type cameraList struct {
	Cameras []territory.Camera `json:"cameras"`
	Next    string             `json:"next,omitempty"`
}

func (l cameraList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Cameras))
	for i, c := range l.Cameras {
		heading := ""
		if c.Heading != nil {
			heading = strconv.FormatFloat(float64(*c.Heading), 'f', 0, 32)
		}
		rows[i] = []string{c.GBID, c.Name, c.Kind, c.OrgName, c.Place, strconv.FormatFloat(c.Point[0], 'f', 6, 64), strconv.FormatFloat(c.Point[1], 'f', 6, 64), heading,
			strconv.FormatFloat(float64(c.FOV), 'f', 0, 32), strconv.FormatFloat(float64(c.RangeM), 'f', 0, 32), c.Network, c.Status, c.Sensitivity}
	}
	return []string{"国标编码", "名称", "类型", "所属机构", "位置", "经度", "纬度", "朝向", "视场角", "可视距离", "网络", "状态", "敏感级别"}, rows
}

type viewList struct {
	Views []postgres.VideoView `json:"views"`
	Next  string               `json:"next,omitempty"`
}

func (l viewList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Views))
	for i, v := range l.Views {
		rows[i] = []string{localTime(v.At), v.CameraName, v.GBID, v.OrgName, v.Actor, v.Reason, v.CaseNo, v.IP}
	}
	return []string{"时间", "摄像头", "国标编码", "所属机构", "查看人", "事由", "事件编号", "地址"}, rows
}

// cameraIn is a camera as somebody registers it.
type cameraIn struct {
	GBID        string     `json:"gb_id,omitempty" doc:"GB/T 28181, 20 digits; it stays"`
	Org         int64      `json:"org,omitempty" doc:"none: the organisation of the grid it hangs in"`
	Name        string     `json:"name"`
	Kind        string     `json:"kind,omitempty" enum:"ptz,bullet,dome,ai,"`
	Place       string     `json:"place,omitempty"`
	Point       *orb.Point `json:"point"`
	CRS         string     `json:"crs,omitempty" enum:"wgs84,gcj02,bd09,"`
	Heading     *float32   `json:"heading,omitempty" nullable:"true" doc:"degrees from north; none: it looks all around"`
	FOV         float32    `json:"fov,omitempty"`
	RangeM      float32    `json:"range_m,omitempty"`
	Network     string     `json:"network,omitempty" enum:"private,internet,government,"`
	Stream      string     `json:"stream,omitempty"`
	Status      string     `json:"status,omitempty" enum:"unknown,online,offline,fault,retired,"`
	Sensitivity string     `json:"sensitivity,omitempty" enum:"normal,high,"`
}

// registerScope is where the caller reads registers of devices and cameras:
// where he sees the map, and where he keeps them.
func registerScope(who access.Session) ([]string, error) {
	scope := access.Outermost(append(who.Scope(access.SeeMap), who.Scope(access.ManageDevices)...))
	if len(scope) == 0 {
		return nil, fault.New(fault.Denied, "您没有这项权限")
	}
	return scope, nil
}

// sight is which cameras the caller may see.
func sight(who access.Session) (postgres.Sight, error) {
	scope, err := registerScope(who)
	return postgres.Sight{Scope: scope, Play: access.Outermost(append(who.Scope(access.SeeVideo), who.Scope(access.ManageDevices)...))}, err
}

// shownCamera is the camera as this caller may read it: what the gateway calls
// its stream concerns those who keep the register.
func shownCamera(who access.Session, c territory.Camera) territory.Camera {
	if !who.May(access.ManageDevices, c.OrgPath) {
		c.Stream = ""
	}
	if who.Kiosk != 0 {
		c.GBID = ""
	}
	return c
}

// placed finds the organisation and grid of something at a point: the named
// one, or else that of the grid; the caller must keep its register.
func (a *API) placed(ctx context.Context, who access.Session, org int64, p orb.Point) (home int64, grid *int64, err error) {
	at, ok, err := postgres.Locate(ctx, a.DB.Pool, p)
	if err != nil {
		return 0, nil, err
	}
	if ok {
		grid = at.Grid
		if org == 0 {
			org = at.Org
		}
	}
	if org == 0 {
		return 0, nil, fault.New(fault.Invalid, "这个位置不在任何网格内，请选择所属机构").At("org")
	}
	path, err := postgres.OrgPlace(ctx, a.DB.Pool, org)
	if err == nil && !who.May(access.ManageDevices, path) {
		err = fault.New(fault.Missing, "没有这个组织机构，或者不在您的管辖范围")
	}
	return org, grid, err
}

// cameraOf checks what somebody registers.
func (a *API) cameraOf(ctx context.Context, who access.Session, in cameraIn) (territory.Camera, error) {
	c := territory.Camera{Org: in.Org, GBID: in.GBID, Name: in.Name, Kind: in.Kind, Place: in.Place, Heading: in.Heading, FOV: in.FOV, RangeM: in.RangeM,
		Network: in.Network, Stream: in.Stream, Status: in.Status, Sensitivity: in.Sensitivity}
	p, err := a.toWGS84(in.CRS, in.Point)
	if err != nil {
		return c, err
	}
	if p != nil {
		c.Point = *p
	}
	c, wrong := c.Checked()
	if len(wrong) > 0 {
		f := fault.New(fault.Invalid, "摄像头信息有误，请检查标出的项目")
		f.Fields = wrong
		return c, f
	}
	c.Org, _, err = a.placed(ctx, who, in.Org, c.Point)
	return c, err
}

func (a *API) cameraRoutes() {
	type reply struct{ Body territory.Camera }
	type nearReply struct {
		Body struct {
			Cameras []postgres.NearCamera `json:"cameras"`
		}
	}
	route(a, http.MethodGet, "/cameras", "Cameras of the scope; sensitive ones only for those who may play them", settled, func(ctx context.Context, who access.Session, in *struct {
		Paging
		Q      string `query:"q" maxLength:"40" doc:"name, place or national number"`
		Status string `query:"status" enum:"unknown,online,offline,fault,retired,"`
		Kind   string `query:"kind" enum:"ptz,bullet,dome,ai,"`
		Org    int64  `query:"org"`
	}) (*struct {
		ListHead
		Body cameraList
	}, error) {
		see, err := sight(who)
		if err != nil {
			return nil, err
		}
		f := postgres.CameraFilter{Sight: see, Query: in.Q, Status: in.Status, Kind: in.Kind, Org: some(in.Org), Limit: in.rows()}
		if _, err := in.read(&f.After); err != nil {
			return nil, err
		}
		list, err := postgres.ListCameras(ctx, a.DB.Pool, f)
		if err != nil {
			return nil, err
		}
		list, next := cut(in.Paging, list, func(c territory.Camera) any { return c.ID })
		for i := range list {
			list[i] = shownCamera(who, list[i])
		}
		return &struct {
			ListHead
			Body cameraList
		}{head(in.Paging, "cameras", a.Clock()), cameraList{list, next}}, nil
	})

	route(a, http.MethodGet, "/cameras/near", "Cameras around a place: first those that see it as they hang, then the nearest", power(access.SeeMap), func(ctx context.Context, who access.Session, in *struct {
		Lon     float64 `query:"lon" required:"true" minimum:"-180" maximum:"180"`
		Lat     float64 `query:"lat" required:"true" minimum:"-90" maximum:"90"`
		RadiusM float64 `query:"radius_m" minimum:"1" maximum:"5000" default:"300"`
		Limit   int     `query:"limit" minimum:"1" maximum:"50" default:"10"`
	}) (*nearReply, error) {
		out := &nearReply{}
		var err error
		out.Body.Cameras, err = a.camerasNear(ctx, who, orb.Point{in.Lon, in.Lat}, in.RadiusM, in.Limit)
		return out, err
	})

	route(a, http.MethodGet, "/cameras/{id}", "One camera", settled, func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*reply, error) {
		see, err := sight(who)
		if err != nil {
			return nil, err
		}
		c, err := postgres.CameraByID(ctx, a.DB.Pool, see, in.ID)
		return &reply{shownCamera(who, c)}, err
	})

	route(a, http.MethodPost, "/cameras", "Register a camera", power(access.ManageDevices), func(ctx context.Context, who access.Session, in *struct{ Body cameraIn }) (*reply, error) {
		c, err := a.cameraOf(ctx, who, in.Body)
		if err != nil {
			return nil, err
		}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if c.ID, err = postgres.AddCamera(ctx, tx, c); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "camera.added", c.GBID, nil)
		})
		if err != nil {
			return nil, err
		}
		see, _ := sight(who)
		c, err = postgres.CameraByID(ctx, a.DB.Pool, see, c.ID)
		return &reply{c}, err
	}, created)

	route(a, http.MethodPut, "/cameras/{id}", "Change a camera; its number stays. What becomes sensitive or leaves service ends its tickets", power(access.ManageDevices), func(ctx context.Context, who access.Session, in *struct {
		ID      int64  `path:"id"`
		IfMatch string `header:"If-Match" doc:"the version that was looked at"`
		Body    cameraIn
	}) (*reply, error) {
		see, err := sight(who)
		if err != nil {
			return nil, err
		}
		old, err := postgres.CameraByID(ctx, a.DB.Pool, see, in.ID)
		if err == nil && !who.May(access.ManageDevices, old.OrgPath) {
			err = fault.New(fault.Missing, "没有这个摄像头，或者不在您的管辖范围")
		}
		if err != nil {
			return nil, err
		}
		if in.Body.GBID != "" && in.Body.GBID != old.GBID {
			return nil, fault.New(fault.Invalid, "国标编码不能修改，请登记为新的摄像头").At("gb_id")
		}
		in.Body.GBID = old.GBID
		c, err := a.cameraOf(ctx, who, in.Body)
		if err != nil {
			return nil, err
		}
		c.ID = old.ID
		if c.Version, err = version(in.IfMatch); err != nil {
			return nil, err
		} else if c.Version == 0 {
			c.Version = old.Version
		}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if err := postgres.SetCamera(ctx, tx, c); err != nil {
				return err
			}
			if c.Status == "retired" || c.Sensitivity != old.Sensitivity || c.Org != old.Org {
				if err := postgres.RevokeTickets(ctx, tx, c.ID, a.Clock()); err != nil {
					return err
				}
			}
			return a.audit(ctx, tx, who, "camera.changed", c.GBID, map[string]any{"sensitivity": c.Sensitivity, "status": c.Status})
		})
		if err != nil {
			return nil, err
		}
		c, err = postgres.CameraByID(ctx, a.DB.Pool, see, c.ID)
		return &reply{c}, err
	})
	a.cameraImportRoute()
	a.videoRoutes()
}

// camerasNear is what there is to see of a place.
func (a *API) camerasNear(ctx context.Context, who access.Session, p orb.Point, radius float64, limit int) ([]postgres.NearCamera, error) {
	list, err := postgres.CamerasNear(ctx, a.DB.Pool, postgres.Sight{Scope: who.Scope(access.SeeMap), Play: who.Scope(access.SeeVideo)}, p, radius, limit)
	for i := range list {
		list[i].Camera = shownCamera(who, list[i].Camera)
	}
	return list, err
}

func (a *API) cameraImportRoute() {
	type imported struct {
		Body struct {
			Added   int `json:"added"`
			Changed int `json:"changed"`
		}
	}
	route(a, http.MethodPost, "/cameras/import", "Import cameras: a table with a heading, UTF-8 or GBK; a number that is there is changed. All of it or nothing", power(access.ManageDevices), func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			CSV string `json:"csv" maxLength:"4000000" doc:"国标编码,名称,类型,经度,纬度,朝向,视场角,可视距离,机构编码,位置,网络,流名称,状态,敏感级别"`
			CRS string `json:"crs,omitempty" enum:"wgs84,gcj02,bd09,"`
		}
	}) (*imported, error) {
		bad := func(where string, err error) error {
			return fault.Because(err, fault.Invalid, "表格有误：%s%v", where, err).At("csv")
		}
		list, err := intake.Cameras([]byte(in.Body.CSV))
		if err != nil {
			return nil, bad("", err)
		}
		out := &imported{}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			for _, c := range list {
				p, err := a.toWGS84(in.Body.CRS, &c.Point)
				if err != nil {
					return bad(c.Where+": ", err)
				}
				c.Point = *p
				if c.OrgCode != "" {
					if c.Org, err = postgres.OrgByCode(ctx, tx, c.OrgCode); err != nil {
						return bad(c.Where+": ", err)
					}
				}
				if c.Org, _, err = a.placed(ctx, who, c.Org, c.Point); err != nil {
					return bad(c.Where+": ", err)
				}
				old, known, err := postgres.CameraByGB(ctx, tx, c.GBID)
				switch {
				case err != nil:
					return err
				case known && !who.May(access.ManageDevices, old.OrgPath):
					return bad(c.Where+": ", fault.New(fault.Conflict, "国标编码 %s 已登记", c.GBID))
				case known:
					c.ID, c.Version = old.ID, old.Version
					out.Body.Changed++
					err = postgres.SetCamera(ctx, tx, c)
					if err == nil && (c.Status == "retired" || c.Sensitivity != old.Sensitivity) {
						err = postgres.RevokeTickets(ctx, tx, c.ID, a.Clock())
					}
				default:
					out.Body.Added++
					_, err = postgres.AddCamera(ctx, tx, c)
				}
				if err != nil {
					return err
				}
			}
			return a.audit(ctx, tx, who, "cameras.imported", "", map[string]any{"added": out.Body.Added, "changed": out.Body.Changed})
		})
		if err != nil {
			return nil, err
		}
		return out, nil
	})
}

func (a *API) videoRoutes() {
	type ticket struct {
		Body struct {
			Ticket    uuid.UUID `json:"ticket"`
			URL       string    `json:"url" doc:"a playlist on this server"`
			Kind      string    `json:"kind" enum:"hls"`
			ExpiresAt time.Time `json:"expires_at"`
		}
	}
	route(a, http.MethodPost, "/cameras/{id}/tickets", "Leave to play a camera for ten minutes; who looks and why is recorded first", power(access.SeeVideo), func(ctx context.Context, who access.Session, in *struct {
		ID   int64 `path:"id"`
		Body struct {
			Reason   string     `json:"reason" maxLength:"200"`
			Incident *uuid.UUID `json:"incident,omitempty"`
		}
	}) (*ticket, error) {
		see := postgres.Sight{Scope: who.Scope(access.SeeVideo), Play: who.Scope(access.SeeVideo)}
		c, err := postgres.CameraByID(ctx, a.DB.Pool, see, in.ID)
		if err != nil {
			return nil, err
		}
		reason := strings.TrimSpace(in.Body.Reason)
		switch {
		case len([]rune(reason)) < 2:
			return nil, fault.New(fault.Invalid, "请说明查看视频的事由").At("reason")
		case c.Status == "retired":
			return nil, fault.New(fault.Conflict, "这个摄像头已停用")
		case !a.Gateway:
			return nil, fault.New(fault.Conflict, "没有配置视频网关，无法播放")
		}
		if in.Body.Incident != nil {
			if err := a.mayReadIncident(ctx, who, *in.Body.Incident); err != nil {
				return nil, err
			}
		}
		var secret, key [32]byte
		_, _ = rand.Read(secret[:]) // never fails
		_, _ = rand.Read(key[:])
		token := base64.RawURLEncoding.EncodeToString(secret[:])
		now := a.Clock().UTC().Truncate(time.Microsecond)
		t := postgres.VideoTicket{Hash: postgres.HashToken(token), Key: key, Camera: c.ID, Account: who.Account, Reason: reason, Incident: in.Body.Incident, IssuedAt: now, ExpiresAt: now.Add(playFor)}
		if t.ID, err = uuid.NewV7(); err != nil {
			return nil, fmt.Errorf("make an id: %w", err)
		}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error { return postgres.IssueTicket(ctx, tx, t, who.Name, who.IP) })
		if err != nil {
			return nil, err
		}
		out := &ticket{}
		out.Body.Ticket, out.Body.URL, out.Body.Kind, out.Body.ExpiresAt = t.ID, "/video/"+token+"/index.m3u8", "hls", t.ExpiresAt
		return out, nil
	}, created)

	route(a, http.MethodGet, "/video-views", "Who looked through which camera, and why", person, func(ctx context.Context, who access.Session, in *struct {
		Paging
		Camera int64     `query:"camera"`
		From   time.Time `query:"from"`
		To     time.Time `query:"to"`
	}) (*struct {
		ListHead
		Body viewList
	}, error) {
		scope := access.Outermost(append(who.Scope(access.SeeAudit), who.Scope(access.Command)...))
		if len(scope) == 0 {
			return nil, fault.New(fault.Denied, "您没有这项权限")
		}
		var before int64
		if _, err := in.read(&before); err != nil {
			return nil, err
		}
		list, err := postgres.ListViews(ctx, a.DB.Pool, scope, in.Camera, instant(in.From), instant(in.To), before, in.rows())
		if err != nil {
			return nil, err
		}
		list, next := cut(in.Paging, list, func(v postgres.VideoView) any { return v.ID })
		return &struct {
			ListHead
			Body viewList
		}{head(in.Paging, "video-views", a.Clock()), viewList{list, next}}, nil
	})
}
