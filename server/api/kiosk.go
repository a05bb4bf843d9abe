package api

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

type kioskCode struct {
	Kiosk     *postgres.Kiosk `json:"kiosk,omitempty"`
	Code      string          `json:"code" doc:"shown this once, good for ten minutes"`
	ExpiresAt time.Time       `json:"expires_at"`
}

// kioskOf returns one kiosk of the scope.
func (a *API) kioskOf(ctx context.Context, who access.Session, id int64) (postgres.Kiosk, error) {
	k, err := postgres.KioskByID(ctx, a.DB.Pool, id)
	if err == nil && !who.May(access.PairKiosk, k.OrgPath) {
		err = fault.New(fault.Missing, "没有这块大屏，或者不在您的管辖范围")
	}
	return k, err
}

func (a *API) kioskRoutes() {
	route(a, http.MethodGet, "/kiosks", "Wall screens of the scope", power(access.PairKiosk), func(ctx context.Context, who access.Session, _ *nothing) (*struct {
		Body struct {
			Kiosks []postgres.Kiosk `json:"kiosks"`
		}
	}, error) {
		out := &struct {
			Body struct {
				Kiosks []postgres.Kiosk `json:"kiosks"`
			}
		}{}
		var err error
		out.Body.Kiosks, err = postgres.ListKiosks(ctx, a.DB.Pool, who.Scope(access.PairKiosk))
		return out, err
	})

	route(a, http.MethodPost, "/kiosks", "Add a wall screen and get its pairing code", power(access.PairKiosk), func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			Org  int64  `json:"org"`
			Name string `json:"name" minLength:"1" maxLength:"60"`
			CIDR string `json:"cidr,omitempty" doc:"the network it must be in"`
		}
	}) (*struct{ Body kioskCode }, error) {
		place, err := postgres.OrgPlace(ctx, a.DB.Pool, in.Body.Org)
		if err != nil || !who.May(access.PairKiosk, place) {
			if err == nil || fault.Is(err, fault.Missing) {
				err = fault.New(fault.Missing, "没有这个组织机构，或者不在您的管辖范围")
			}
			return nil, err
		}
		var network *netip.Prefix
		if text := strings.TrimSpace(in.Body.CIDR); text != "" {
			p, err := netip.ParsePrefix(text)
			if addr, single := netip.ParseAddr(text); single == nil {
				p, err = addr.Prefix(addr.BitLen())
			}
			if err != nil {
				return nil, fault.Because(err, fault.Invalid, "网段应写成 192.168.1.0/24 的形式").At("cidr")
			}
			p = p.Masked()
			network = &p
		}
		var out kioskCode
		var id int64
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			var err error
			if id, err = postgres.InsertKiosk(ctx, tx, in.Body.Org, in.Body.Name, network, who.Account); err != nil {
				return err
			}
			if out.Code, out.ExpiresAt, err = a.Door.NewPairing(ctx, tx, id); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "kiosk.added", in.Body.Name, map[string]any{"kiosk": id})
		})
		if err != nil {
			return nil, err
		}
		k, err := postgres.KioskByID(ctx, a.DB.Pool, id)
		out.Kiosk = &k
		return &struct{ Body kioskCode }{out}, err
	}, created)

	route(a, http.MethodPost, "/kiosks/{id}/code", "A new pairing code; earlier ones end", power(access.PairKiosk), func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*struct{ Body kioskCode }, error) {
		k, err := a.kioskOf(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		if k.RevokedAt != nil {
			return nil, fault.New(fault.Conflict, "这块大屏已停用")
		}
		var out kioskCode
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			var err error
			if out.Code, out.ExpiresAt, err = a.Door.NewPairing(ctx, tx, in.ID); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "kiosk.code", k.Name, map[string]any{"kiosk": k.ID})
		})
		return &struct{ Body kioskCode }{out}, err
	})

	route(a, http.MethodDelete, "/kiosks/{id}", "Take a wall screen out of service", power(access.PairKiosk), func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*nothing, error) {
		if _, err := a.kioskOf(ctx, who, in.ID); err != nil {
			return nil, err
		}
		return &nothing{}, a.Door.RevokeKiosk(ctx, who, in.ID)
	})
}
