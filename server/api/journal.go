package api

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
)

type journalBody struct {
	Region  int64           `json:"region"`
	Epoch   string          `json:"epoch"`
	Seq     int64           `json:"seq" doc:"the region's newest number, whoever may read it"`
	Entries []journal.Entry `json:"entries" doc:"oldest first"`
}

func (a *API) journalRoutes() {
	route(a, http.MethodGet, "/journal", "Numbered record of a region, as far as the caller may see it", power(access.SeeMap), func(ctx context.Context, who access.Session, in *struct {
		Region int64 `query:"region" doc:"the caller's first region unless told"`
		After  int64 `query:"after" minimum:"0" doc:"entries with higher numbers, oldest first"`
		Before int64 `query:"before" minimum:"0" doc:"entries with lower numbers, newest of them"`
		Limit  int   `query:"limit" minimum:"1" maximum:"500" default:"50"`
	}) (*struct{ Body journalBody }, error) {
		scope := who.Scope(access.SeeMap)
		regions, err := postgres.Regions(ctx, a.DB.Pool)
		if err != nil {
			return nil, err
		}
		body, ok := journalBody{}, false
		for _, r := range regions {
			if in.Region != 0 && r.ID != in.Region {
				continue
			}
			if touches(who, r) {
				body, ok = journalBody{Region: r.ID, Epoch: r.Epoch, Seq: r.Seq}, true
				break
			}
		}
		if !ok {
			return nil, fault.New(fault.Missing, "没有这个区域，或者不在您的管辖范围")
		}
		after, before, back := in.After, int64(math.MaxInt64), in.After == 0
		if in.Before > 0 {
			before = in.Before
		}
		if body.Entries, err = postgres.ReadJournalScoped(ctx, a.DB.Pool, body.Region, after, before, scope, in.Limit, back); err != nil {
			return nil, err
		}
		body.Entries = slices.DeleteFunc(body.Entries, func(e journal.Entry) bool { // the room's log is its own
			return strings.HasPrefix(e.Kind, "watch.") && who.MaskFor(e.OrgPath) == access.MaskPeople || who.Kiosk != 0 && incident.Sensitive(e)
		})
		for i, e := range body.Entries {
			if who.MaskFor(e.OrgPath) == access.MaskPeople {
				body.Entries[i] = incident.MaskEntry(e)
			}
		}
		return &struct{ Body journalBody }{body}, nil
	})
}

// touches reports whether the caller's map holds something of the region.
func touches(who access.Session, r postgres.Region) bool {
	for _, post := range who.Posts {
		if (post.Region == r.ID || access.Covers(post.Path, r.Path)) && access.Within(who.Scope(access.SeeMap), post.Path) {
			return true
		}
	}
	return false
}
