package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/hexgrid"
	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

type heatBody struct {
	From    time.Time    `json:"from"`
	To      time.Time    `json:"to"`
	Step    string       `json:"step"`
	StepS   int          `json:"step_s"`
	Res     int          `json:"res" doc:"H3 resolution of the cells"`
	Total   int          `json:"total"`
	Max     int          `json:"max" doc:"most cases in one cell of one bucket"`
	Buckets []heatBucket `json:"buckets" doc:"one after the other, empty ones too"`
}

type heatBucket struct {
	At    time.Time  `json:"at"`
	Total int        `json:"total"`
	Cells []heatCell `json:"cells"`
}

type heatCell struct {
	H3     string  `json:"h3"`
	Lon    float64 `json:"lon"`
	Lat    float64 `json:"lat"`
	Weight int     `json:"weight"`
}

const (
	mostHeat    = 300_000
	mostBuckets = 400
	leastStep   = 10 * time.Minute
)

func (a *API) heatRoutes() {
	route(a, http.MethodGet, "/heat", "Where cases gather, bucket by bucket: for the heat map and its time slider", power(access.SeeMap), func(ctx context.Context, who access.Session, in *struct {
		From     time.Time `query:"from" doc:"seven days ago unless told"`
		To       time.Time `query:"to" doc:"now unless told"`
		Step     string    `query:"step" maxLength:"12" default:"6h" doc:"length of a bucket: 30m, 1h, 24h"`
		Res      int       `query:"res" minimum:"6" maximum:"11" default:"9" doc:"H3 resolution: 9 is about 350 m wide"`
		Category string    `query:"category" maxLength:"20"`
	}) (*struct{ Body heatBody }, error) {
		step, err := time.ParseDuration(in.Step)
		if err != nil || step < leastStep {
			return nil, oneField("step", "时间步长应为不小于 10 分钟的时长，例如 1h")
		}
		if in.To.IsZero() {
			in.To = a.Clock()
		}
		if in.From.IsZero() {
			in.From = in.To.AddDate(0, 0, -7)
		}
		if !in.From.Before(in.To) {
			return nil, oneField("from", "开始时间应早于结束时间")
		}
		n := int((in.To.Sub(in.From) + step - 1) / step)
		if n > mostBuckets {
			return nil, oneField("step", "时间段分得太细，请加大步长或缩短时间范围")
		}
		body := heatBody{From: in.From.UTC(), To: in.To.UTC(), Step: in.Step, StepS: int(step / time.Second), Res: in.Res}
		counts := make([]map[hexgrid.Cell]int, n)
		body.Total, err = postgres.EachHeat(ctx, a.DB.Pool, postgres.HeatFilter{
			Scope: who.Scope(access.SeeMap), From: in.From, To: in.To, Category: in.Category, OnWall: who.Account == 0, Most: mostHeat,
		}, func(at time.Time, p orb.Point) error {
			cell, err := hexgrid.At(p, in.Res)
			if err != nil {
				return err
			}
			i := int(at.Sub(in.From) / step)
			if counts[i] == nil {
				counts[i] = map[hexgrid.Cell]int{}
			}
			counts[i][cell]++
			body.Max = max(body.Max, counts[i][cell])
			return nil
		})
		if err != nil {
			return nil, err
		}
		if body.Total > mostHeat {
			return nil, oneField("from", "这段时间的事件太多，请缩短时间范围")
		}
		if body.Buckets, err = heatBuckets(counts, in.From, step); err != nil {
			return nil, err
		}
		return &struct{ Body heatBody }{body}, nil
	})
}

// heatBuckets writes the counts, each bucket's hottest cells first.
func heatBuckets(counts []map[hexgrid.Cell]int, from time.Time, step time.Duration) ([]heatBucket, error) {
	middles := map[hexgrid.Cell]orb.Point{}
	buckets := make([]heatBucket, len(counts))
	for i, cells := range counts {
		b := heatBucket{At: from.Add(time.Duration(i) * step).UTC(), Cells: make([]heatCell, 0, len(cells))}
		for cell, weight := range cells {
			p, ok := middles[cell]
			if !ok {
				var err error
				if p, err = cell.Centre(); err != nil {
					return nil, err
				}
				middles[cell] = p
			}
			b.Cells = append(b.Cells, heatCell{cell.String(), p[0], p[1], weight})
			b.Total += weight
		}
		slices.SortFunc(b.Cells, func(x, y heatCell) int { return cmp.Or(cmp.Compare(y.Weight, x.Weight), cmp.Compare(x.H3, y.H3)) })
		buckets[i] = b
	}
	return buckets, nil
}

// oneField is a fault about one field of the request.
func oneField(field, text string) error {
	return fault.New(fault.Invalid, "%s", text).At(field)
}
