package api

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/netip"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/seal"
)

type sourceMade struct {
	Source postgres.AlarmSource `json:"source"`
	Secret string               `json:"secret" doc:"shown this once"`
	URL    string               `json:"url,omitempty" doc:"of the webhook"`
}

var sourceName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,39}$`)

// cidrOf reads a CIDR, or a single address as the CIDR of itself; "" is anywhere.
func cidrOf(text string) (*netip.Prefix, error) {
	if text = strings.TrimSpace(text); text == "" {
		return nil, nil
	}
	p, err := netip.ParsePrefix(text)
	if addr, single := netip.ParseAddr(text); single == nil {
		p, err = addr.Prefix(addr.BitLen())
	}
	if err != nil {
		return nil, fault.Because(err, fault.Invalid, "网段应写成 192.168.1.0/24 的形式").At("cidr")
	}
	p = p.Masked()
	return &p, nil
}

func freshSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// sourceOf returns a source whose register the caller keeps.
func (a *API) sourceOf(ctx context.Context, who access.Session, id int64) (postgres.AlarmSource, error) {
	s, err := postgres.AlarmSourceByID(ctx, a.DB.Pool, id)
	if err == nil && !who.May(access.ManageDevices, s.OrgPath) {
		err = fault.New(fault.Missing, "没有这个报警来源，或者不在您的管辖范围")
	}
	return s, err
}

// sealedSource is the secret of a source as it is stored.
func (a *API) sealedSource(secret string) []byte {
	return []byte(a.Seal.Seal(seal.AlarmSource, secret))
}

func sourceShown(ctx context.Context, s postgres.AlarmSource, secret string) sourceMade {
	out := sourceMade{Source: s, Secret: secret}
	if r := request(ctx); r != nil && s.Kind == "webhook" {
		scheme := "http"
		if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
			scheme = "https"
		}
		out.URL = scheme + "://" + r.Host + "/alarm-hook/" + s.Name
	}
	return out
}

func (a *API) alarmSourceRoutes() {
	type list struct {
		Body struct {
			Sources []postgres.AlarmSource `json:"sources"`
		}
	}
	route(a, http.MethodGet, "/alarm-sources", "Systems that hand us alarms", power(access.ManageDevices), func(ctx context.Context, who access.Session, _ *nothing) (*list, error) {
		out := &list{}
		var err error
		out.Body.Sources, err = postgres.ListAlarmSources(ctx, a.DB.Pool, who.Scope(access.ManageDevices))
		return out, err
	})

	route(a, http.MethodPost, "/alarm-sources", "Add a system that hands us alarms, and get its secret", power(access.ManageDevices), func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			Org  int64  `json:"org"`
			Name string `json:"name" doc:"stands in the webhook's address"`
			Kind string `json:"kind,omitempty" enum:"webhook,mqtt,"`
			Note string `json:"note,omitempty" maxLength:"200"`
			CIDR string `json:"cidr,omitempty" doc:"where it may call from"`
		}
	}) (*struct{ Body sourceMade }, error) {
		b := in.Body
		path, err := postgres.OrgPlace(ctx, a.DB.Pool, b.Org)
		if err == nil && !who.May(access.ManageDevices, path) {
			err = fault.New(fault.Missing, "没有这个组织机构，或者不在您的管辖范围")
		}
		if err != nil {
			return nil, err
		}
		if !sourceName.MatchString(b.Name) {
			return nil, fault.New(fault.Invalid, "名称只能用小写字母、数字和连字符，2 至 40 个").At("name")
		}
		if b.Kind == "" {
			b.Kind = "webhook"
		}
		secret := freshSecret()
		s := postgres.AlarmSource{Org: b.Org, Name: b.Name, Kind: b.Kind, Note: b.Note, Secret: a.sealedSource(secret)}
		if s.CIDR, err = cidrOf(b.CIDR); err != nil {
			return nil, err
		}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if s.ID, err = postgres.AddAlarmSource(ctx, tx, s, who.Account); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "alarm_source.added", s.Name, nil)
		})
		if err != nil {
			return nil, err
		}
		s, err = postgres.AlarmSourceByID(ctx, a.DB.Pool, s.ID)
		return &struct{ Body sourceMade }{sourceShown(ctx, s, secret)}, err
	}, created)

	route(a, http.MethodPut, "/alarm-sources/{id}", "Change a source's note and network, or switch it off", power(access.ManageDevices), func(ctx context.Context, who access.Session, in *struct {
		ID   int64 `path:"id"`
		Body struct {
			Note    string `json:"note,omitempty" maxLength:"200"`
			CIDR    string `json:"cidr,omitempty"`
			Enabled bool   `json:"enabled"`
		}
	}) (*struct{ Body postgres.AlarmSource }, error) {
		s, err := a.sourceOf(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		s.Note, s.Enabled = in.Body.Note, in.Body.Enabled
		if s.CIDR, err = cidrOf(in.Body.CIDR); err != nil {
			return nil, err
		}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if err := postgres.SetAlarmSource(ctx, tx, s); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "alarm_source.changed", s.Name, map[string]any{"enabled": s.Enabled})
		})
		return &struct{ Body postgres.AlarmSource }{s}, err
	})

	route(a, http.MethodPost, "/alarm-sources/{id}/rotate", "A new secret; the one before is good no longer", power(access.ManageDevices), func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*struct{ Body sourceMade }, error) {
		s, err := a.sourceOf(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		secret := freshSecret()
		s.Secret = a.sealedSource(secret)
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if err := postgres.SetAlarmSource(ctx, tx, s); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "alarm_source.rotated", s.Name, nil)
		})
		return &struct{ Body sourceMade }{sourceShown(ctx, s, secret)}, err
	})
}
