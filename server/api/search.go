package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/postgres"
)

// searchKinds in the order of the answer.
var searchKinds = []string{"grid", "worker", "incident", "place", "road"}

func (a *API) searchRoutes() {
	route(a, http.MethodGet, "/search", "Find grids, workers, cases, places and roads by name, number or pinyin initials", power(access.SeeMap), func(ctx context.Context, who access.Session, in *struct {
		Q     string `query:"q" required:"true" minLength:"1" maxLength:"60"`
		Kinds string `query:"kinds" doc:"comma separated; all unless told"`
		Limit int    `query:"limit" minimum:"1" maximum:"50" default:"8" doc:"of each kind"`
	}) (*struct {
		Body struct {
			Hits []postgres.Hit `json:"hits"`
		}
	}, error) {
		out := &struct {
			Body struct {
				Hits []postgres.Hit `json:"hits"`
			}
		}{}
		out.Body.Hits = []postgres.Hit{}
		q := strings.TrimSpace(in.Q)
		if q == "" {
			return out, nil
		}
		scope := who.Scope(access.SeeMap)
		for _, kind := range searchKinds {
			if in.Kinds != "" && !slices.Contains(strings.Split(in.Kinds, ","), kind) {
				continue
			}
			hits, err := a.find(ctx, who, kind, q, scope, in.Limit)
			if err != nil {
				return nil, err
			}
			out.Body.Hits = append(out.Body.Hits, hits...)
		}
		return out, nil
	})
}

func (a *API) find(ctx context.Context, who access.Session, kind, q string, scope []string, limit int) ([]postgres.Hit, error) {
	switch kind {
	case "incident":
		hits, err := postgres.SearchIncidents(ctx, a.DB.Pool, scope, who.Kiosk != 0, q, limit)
		if who.Mask() == access.MaskPeople {
			for i := range hits {
				hits[i].Title = access.MaskText(hits[i].Title)
			}
		}
		return hits, err
	case "place":
		return postgres.SearchPlaces(ctx, a.DB.Pool, scope, q, limit)
	case "road":
		return postgres.SearchRoads(ctx, a.DB.Pool, scope, q, limit)
	}
	land, sky, err := a.atlas.read(ctx)
	if err != nil {
		return nil, err
	}
	if kind == "grid" {
		return findGrids(land, q, scope, limit), nil
	}
	var hits []postgres.Hit
	for _, w := range land.mine(sky, scope) {
		if len(hits) == limit {
			break
		}
		if !a.named(who, w, q) {
			continue
		}
		b := a.person(who, land, sky, w, scope, a.Clock())
		hits = append(hits, postgres.Hit{Kind: "worker", ID: strconv.FormatInt(w.ID, 10), Title: b.Name, Sub: strings.TrimSpace(w.OrgName + " " + b.Code), Point: b.Point})
	}
	return hits, nil
}

// findGrids looks through names, codes and initials; names that begin with what was typed come first.
func findGrids(land *leaves, q string, scope []string, limit int) []postgres.Hit {
	q = strings.ToLower(q)
	var first, rest []postgres.Hit
	for i := range land.grids {
		g := &land.grids[i]
		if !access.Within(scope, g.OrgPath) {
			continue
		}
		p := g.Label
		hit := postgres.Hit{Kind: "grid", ID: strconv.FormatInt(g.ID, 10), Title: g.Name, Sub: g.OrgName + " " + g.Code, Point: &p, BBox: g.BBox}
		switch {
		case strings.HasPrefix(strings.ToLower(g.Name), q), g.Code == q, strings.HasPrefix(land.initials[g.ID], q):
			first = append(first, hit)
		case strings.Contains(strings.ToLower(g.Name), q), strings.Contains(g.Code, q), strings.Contains(g.OrgName, q):
			rest = append(rest, hit)
		}
	}
	all := append(first, rest...)
	return all[:min(limit, len(all))]
}
