package api

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/postgres"
)

type deviceList struct {
	Devices []postgres.DeviceRow `json:"devices"`
	Next    string               `json:"next,omitempty"`
	Total   int64                `json:"total"`
}

func (l deviceList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Devices))
	for i, d := range l.Devices {
		at := ""
		if d.At != nil {
			at = localTime(*d.At)
		}
		rows[i] = []string{d.Ident, d.Name, d.Protocol, d.Duty, d.CRS, d.WorkerName, d.OrgName, d.Status, at}
	}
	return []string{"标识", "名称", "协议", "上报条件", "坐标系", "人员", "社区(村)", "状态", "最近上线"}, rows
}

type deviceMade struct {
	Device postgres.DeviceRow `json:"device"`
	Token  string             `json:"token" doc:"shown this once"`
	URLs   map[string]string  `json:"urls"`
}

// device returns one device of the scope.
func (a *API) device(ctx context.Context, id int64, scope []string) (postgres.DeviceRow, error) {
	list, _, err := postgres.ListDevices(ctx, a.DB.Pool, postgres.DeviceFilter{Scope: scope, After: id - 1, Limit: 1})
	if err != nil {
		return postgres.DeviceRow{}, err
	}
	if len(list) == 0 || list[0].ID != id {
		return postgres.DeviceRow{}, fault.New(fault.Missing, "没有这台设备，或者不在您的管辖范围")
	}
	return list[0], nil
}

// urls are the addresses to type into the client, by door.
func urls(r *http.Request, token string) map[string]string {
	scheme := "http"
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	base := scheme + "://" + r.Host
	return map[string]string{"any": base + "/d/" + token, "osmand": base + "/osmand?id=" + token, "owntracks": base + "/owntracks", "gpslogger": base + "/gpslogger?id=" + token, "native": base + "/api/v1/fixes"}
}

func (a *API) deviceRoutes() {
	route(a, http.MethodGet, "/devices", "Registered devices of the scope", power(access.SeeDevices), func(ctx context.Context, who access.Session, in *struct {
		Paging
		Q        string `query:"q" maxLength:"60"`
		State    string `query:"state" enum:"active,revoked,"`
		Protocol string `query:"protocol"`
		Worker   int64  `query:"worker"`
	}) (*struct {
		ListHead
		Body deviceList
	}, error) {
		f := postgres.DeviceFilter{Scope: who.Scope(access.SeeDevices), Q: in.Q, Status: in.State, Protocol: in.Protocol, Worker: in.Worker, Limit: in.rows()}
		if _, err := in.read(&f.After); err != nil {
			return nil, err
		}
		list, total, err := postgres.ListDevices(ctx, a.DB.Pool, f)
		if err != nil {
			return nil, err
		}
		for i := range list {
			list[i].WorkerName = personName(who, list[i].WorkerName, list[i].OrgPath)
		}
		list, next := cut(in.Paging, list, func(d postgres.DeviceRow) any { return d.ID })
		return &struct {
			ListHead
			Body deviceList
		}{head(in.Paging, "devices", a.Clock()), deviceList{list, next, total}}, nil
	})

	route(a, http.MethodPost, "/devices", "Register a device", power(access.ManageDevices), func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			Ident     string `json:"ident,omitempty" maxLength:"60"`
			Worker    int64  `json:"worker"`
			Protocol  string `json:"protocol" enum:"osmand,owntracks,gpslogger,native"`
			Duty      string `json:"duty,omitempty" enum:"session,schedule,always,"`
			CRS       string `json:"crs,omitempty" enum:"wgs84,gcj02,bd09,"`
			Name      string `json:"name,omitempty" maxLength:"60"`
			IntervalS int    `json:"interval_s,omitempty" minimum:"0" maximum:"3600"`
		}
	}) (*struct{ Body deviceMade }, error) {
		b, scope := in.Body, who.Scope(access.ManageDevices)
		w, err := postgres.WorkerByID(ctx, a.DB.Pool, b.Worker)
		if err != nil || !access.Within(scope, w.OrgPath) {
			if err == nil || fault.Is(err, fault.Missing) {
				err = fault.New(fault.Missing, "没有这名人员，或者不在您的管辖范围")
			}
			return nil, err
		}
		b.CRS, b.Duty, b.IntervalS = cmp.Or(b.CRS, "wgs84"), cmp.Or(b.Duty, "session"), cmp.Or(b.IntervalS, 30)
		var out deviceMade
		var id int64
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			var err error
			id, out.Token, err = postgres.AddDevice(ctx, tx, postgres.NewDevice{
				Worker: b.Worker, Ident: b.Ident, Name: b.Name, Protocol: b.Protocol, Duty: fleet.Duty(b.Duty), CRS: fleet.CRS(b.CRS), Interval: time.Duration(b.IntervalS) * time.Second,
			}, a.Clock())
			if err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "device.added", w.Code, map[string]any{"device": id, "protocol": b.Protocol})
		})
		if err != nil {
			return nil, err
		}
		if out.Device, err = a.device(ctx, id, scope); err != nil {
			return nil, err
		}
		out.URLs = urls(request(ctx), out.Token)
		return &struct{ Body deviceMade }{out}, nil
	}, created)

	route(a, http.MethodPost, "/devices/{id}/rotate", "Give a device a new token; the old one stays good for a day", power(access.ManageDevices), func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*struct {
		Body struct {
			Token string            `json:"token"`
			URLs  map[string]string `json:"urls"`
		}
	}, error) {
		d, err := a.device(ctx, in.ID, who.Scope(access.ManageDevices))
		if err != nil {
			return nil, err
		}
		out := &struct {
			Body struct {
				Token string            `json:"token"`
				URLs  map[string]string `json:"urls"`
			}
		}{}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			var err error
			if out.Body.Token, err = postgres.RotateDevice(ctx, tx, in.ID, a.Clock()); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "device.rotated", d.Ident, map[string]any{"device": d.ID})
		})
		out.Body.URLs = urls(request(ctx), out.Body.Token)
		a.Changed()
		return out, err
	})

	route(a, http.MethodPost, "/devices/{id}/revoke", "End a device", power(access.ManageDevices), func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*nothing, error) {
		d, err := a.device(ctx, in.ID, who.Scope(access.ManageDevices))
		if err != nil {
			return nil, err
		}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if err := postgres.RevokeDevice(ctx, tx, in.ID, a.Clock()); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "device.revoked", d.Ident, map[string]any{"device": d.ID})
		})
		a.Changed()
		return &nothing{}, err
	})
}

func created(op *huma.Operation) { op.DefaultStatus = http.StatusCreated }
