package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
)

type whistleList struct {
	Whistles []incident.Whistle `json:"whistles"`
	Next     string             `json:"next,omitempty"`
	Total    int64              `json:"total"`
}

func (l whistleList) table() ([]string, [][]string) {
	var rows [][]string
	for _, w := range l.Whistles {
		for _, c := range w.Need {
			metres, grade := "", ""
			if c.DistanceM != nil {
				metres = strconv.FormatFloat(float64(*c.DistanceM), 'f', 0, 32)
			}
			if c.Grade != nil {
				grade = strconv.Itoa(int(*c.Grade))
			}
			rows = append(rows, []string{w.No, w.KindName, w.State, localTime(w.RaisedAt), w.OrgName, w.RaisedByName, w.IncidentNo, w.Reason, w.Address, c.Name, c.State,
				timeCell(w.RespondDue), timeCell(c.RespondedAt), timeCell(w.ArriveDue), timeCell(c.CheckedInAt), metres, c.OutsideReason, timeCell(c.RepliedAt), c.Reply, grade})
		}
	}
	return []string{"哨单号", "类型", "状态", "吹哨时间", "吹哨单位", "吹哨人", "案号", "事由", "地点", "部门", "部门状态", "响应时限", "响应时间", "到场时限", "到场时间", "到场距离(米)", "范围外说明", "反馈时间", "反馈", "评分"}, rows
}

func timeCell(t *time.Time) string {
	if t == nil {
		return ""
	}
	return localTime(*t)
}

// shownWhistle is the whistle as this caller may read it; a wall is told
// nothing of a sensitive one but that it is there.
func shownWhistle(who access.Session, w incident.Whistle) incident.Whistle {
	if who.MaskFor(w.OrgPath) == access.MaskPeople && (w.RaisedBy != who.Account || who.Account == 0) {
		return w.Masked(who.Account == 0)
	}
	return w.Public()
}

type whistleDetail struct {
	incident.Whistle
	CheckIns []postgres.CheckIn       `json:"check_ins"`
	Journal  []journal.Entry          `json:"journal"`
	May      []incident.WhistleButton `json:"may"`
}

// whistleSteps are the actions of a whistle, as its path names them.
var whistleSteps = []string{"confirm", "refuse", "respond", "check_in", "work", "reply", "rate", "close"}

func (a *API) whistleRoutes() {
	route(a, http.MethodGet, "/whistles", "Whistles of the scope, and those that call one's department, newest first", settled, func(ctx context.Context, who access.Session, in *struct {
		Paging
		State    string    `query:"state" doc:"open: not over"`
		Kind     string    `query:"kind" enum:"mass,enforcement,emergency,"`
		Org      int64     `query:"org" doc:"raised below it"`
		Dept     int64     `query:"dept" doc:"calls it"`
		Incident uuid.UUID `query:"incident"`
		Drill    string    `query:"drill" enum:"true,false,"`
		Late     bool      `query:"late" doc:"those to which a department has not responded or come in time"`
		From     time.Time `query:"from"`
		To       time.Time `query:"to"`
	}) (*struct {
		ListHead
		Body whistleList
	}, error) {
		f := postgres.WhistleFilter{WhistleScope: desk.WhistleScopeOf(who.Principal), State: in.State, Kind: in.Kind, Org: some(in.Org), Dept: some(in.Dept),
			From: instant(in.From), To: instant(in.To), Limit: in.rows()}
		if in.Incident != (uuid.UUID{}) {
			f.Incident = &in.Incident
		}
		if in.Drill != "" {
			drill := in.Drill == "true"
			f.Drill = &drill
		}
		if in.Late {
			now := a.Clock()
			f.Late = &now
		}
		var at incidentCursor
		if ok, err := in.read(&at); err != nil {
			return nil, err
		} else if ok {
			f.BeforeAt, f.BeforeID = &at.At, &at.ID
		}
		list, total, err := postgres.ListWhistles(ctx, a.DB.Pool, f)
		if err != nil {
			return nil, err
		}
		if err := a.exported(ctx, in.Paging, who, "whistles.exported", "", map[string]any{"rows": len(list)}); err != nil {
			return nil, err
		}
		list, next := cut(in.Paging, list, func(w incident.Whistle) any { return incidentCursor{w.RaisedAt, w.ID} })
		for i := range list {
			list[i] = shownWhistle(who, list[i])
		}
		return &struct {
			ListHead
			Body whistleList
		}{head(in.Paging, "whistles", a.Clock()), whistleList{list, next, total}}, nil
	})

	route(a, http.MethodPost, "/whistles", "Call departments to the scene (吹哨), over a case or over a place; the same client_id again answers 200", power(access.Whistle),
		func(ctx context.Context, who access.Session, in *struct {
			Body struct {
				ClientID string     `json:"client_id,omitempty" maxLength:"64"`
				Kind     string     `json:"kind" enum:"mass,enforcement,emergency"`
				Incident *uuid.UUID `json:"incident,omitempty"`
				Point    *orb.Point `json:"point,omitempty" doc:"[longitude, latitude]; the case's unless told"`
				CRS      string     `json:"crs,omitempty" enum:"wgs84,gcj02,bd09,"`
				Address  string     `json:"address,omitempty" maxLength:"200"`
				Reason   string     `json:"reason"`
				Need     []int64    `json:"need" doc:"departments" maxItems:"12"`
				Drill    bool       `json:"drill,omitempty"`
			}
		}) (*struct {
			Status int
			Body   incident.Whistle
		}, error) {
			b := in.Body
			point, err := a.toWGS84(b.CRS, b.Point)
			if err != nil {
				return nil, err
			}
			w, made, err := a.Desk.Whistle(ctx, who.Principal, desk.WhistleDraft{ClientID: b.ClientID, Kind: b.Kind, Incident: b.Incident, Point: point, Address: b.Address, Reason: b.Reason, Need: b.Need, Drill: b.Drill})
			if err != nil {
				return nil, err
			}
			status := http.StatusOK
			if made {
				status = http.StatusCreated
			}
			return &struct {
				Status int
				Body   incident.Whistle
			}{status, shownWhistle(who, w)}, nil
		})

	route(a, http.MethodGet, "/whistles/{id}", "One whistle, who reported in, and what the caller may do with it now", settled, func(ctx context.Context, who access.Session, in *struct {
		ID uuid.UUID `path:"id"`
	}) (*struct{ Body whistleDetail }, error) {
		w, err := a.whistle(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		out := whistleDetail{Whistle: shownWhistle(who, w), CheckIns: []postgres.CheckIn{}}
		masked := who.MaskFor(w.OrgPath) == access.MaskPeople
		list, err := postgres.CheckIns(ctx, a.DB.Pool, in.ID)
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			if masked {
				c.ByName, c.By, c.Reason = access.MaskName(c.ByName), 0, access.MaskText(c.Reason)
			}
			out.CheckIns = append(out.CheckIns, c)
		}
		if out.Journal, err = postgres.ReadJournalOf(ctx, a.DB.Pool, in.ID.String(), 200); err != nil {
			return nil, err
		}
		for i, e := range out.Journal {
			if masked {
				out.Journal[i] = incident.MaskEntry(e)
			}
		}
		room, err := postgres.OrgByID(ctx, a.DB.Pool, w.Region)
		if err != nil {
			return nil, err
		}
		out.May = w.May(who.Principal, room.Path)
		return &struct{ Body whistleDetail }{out}, nil
	})

	for _, action := range whistleSteps {
		a.whistleAction(action)
	}

	route(a, http.MethodGet, "/whistle-rules", "Limits and fences of the kinds of whistles", person, func(ctx context.Context, _ access.Session, _ *nothing) (*struct {
		Body struct {
			Rules []incident.WhistleRule `json:"rules"`
		}
	}, error) {
		out := &struct {
			Body struct {
				Rules []incident.WhistleRule `json:"rules"`
			}
		}{}
		var err error
		out.Body.Rules, err = postgres.WhistleRules(ctx, a.DB.Pool)
		return out, err
	})

	route(a, http.MethodPut, "/whistle-rules/{kind}", "Change the limits of a kind; whistles that are open keep theirs", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		Kind string `path:"kind" enum:"mass,enforcement,emergency"`
		Body incident.WhistleRule
	}) (*struct{ Body incident.WhistleRule }, error) {
		if _, err := a.ruledRegion(ctx, who, 0); err != nil {
			return nil, err
		}
		r := in.Body
		r.Kind, r.Name = in.Kind, strings.TrimSpace(r.Name)
		if err := r.Respond.Check(); err != nil {
			return nil, err
		}
		if err := r.Arrive.Check(); err != nil {
			return nil, err
		}
		if r.GeofenceM < 20 || r.GeofenceM > 5000 || r.Name == "" || len(r.Name) > 60 {
			return nil, fault.New(fault.Invalid, "名称不能为空，报到范围为 20 至 5000 米")
		}
		err := a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if err := postgres.PutWhistleRule(ctx, tx, r); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "whistle_rule.changed", r.Kind, map[string]any{"respond": r.Respond.String(), "arrive": r.Arrive.String(), "geofence_m": r.GeofenceM, "at_once": r.AtOnce})
		})
		r.Version++
		return &struct{ Body incident.WhistleRule }{r}, err
	})

	route(a, http.MethodGet, "/whistle-figures", "What whistles raised in a period come to: all together, then each department; drills left out", power(access.SeeStatistic),
		func(ctx context.Context, who access.Session, in *struct {
			From time.Time `query:"from" required:"true"`
			To   time.Time `query:"to" required:"true"`
		}) (*struct {
			Body struct {
				Total       postgres.WhistleFigures   `json:"total"`
				Departments []postgres.WhistleFigures `json:"departments"`
			}
		}, error) {
			list, err := postgres.WhistleStatistics(ctx, a.DB.Pool, who.Scope(access.SeeStatistic), in.From, in.To)
			if err != nil {
				return nil, err
			}
			out := &struct {
				Body struct {
					Total       postgres.WhistleFigures   `json:"total"`
					Departments []postgres.WhistleFigures `json:"departments"`
				}
			}{}
			out.Body.Total, out.Body.Departments = list[0], append([]postgres.WhistleFigures{}, list[1:]...)
			return out, nil
		})
}

// whistlesOf are the whistles over a case that the caller sees, newest first.
func (a *API) whistlesOf(ctx context.Context, who access.Session, id uuid.UUID) ([]incident.Whistle, error) {
	list, _, err := postgres.ListWhistles(ctx, a.DB.Pool, postgres.WhistleFilter{WhistleScope: desk.WhistleScopeOf(who.Principal), Incident: &id, Limit: 50})
	out := make([]incident.Whistle, len(list))
	for i, w := range list {
		out[i] = shownWhistle(who, w)
	}
	return out, err
}

// whistle is one whistle that the caller may see; any other is missing.
func (a *API) whistle(ctx context.Context, who access.Session, id uuid.UUID) (incident.Whistle, error) {
	ok, err := postgres.WhistleSeen(ctx, a.DB.Pool, desk.WhistleScopeOf(who.Principal), id)
	if err != nil {
		return incident.Whistle{}, err
	}
	if !ok {
		return incident.Whistle{}, fault.New(fault.Missing, "没有这个哨单，或者不在您的管辖范围")
	}
	return postgres.WhistleByID(ctx, a.DB.Pool, id)
}

var whistleSummaries = map[string]string{
	"confirm": "The command room confirms a whistle: departments are called and their time runs", "refuse": "The command room refuses a whistle, with a reason",
	"respond": "A called department responds", "check_in": "Somebody of a called department reports in on the scene; beyond the fence only with a reason",
	"work": "A department begins to work", "reply": "A department says what was done", "rate": "The raising community rates a department, 1 to 5", "close": "The whistle is over (销哨)",
}

// whistleAction registers one step of a whistle.
func (a *API) whistleAction(action string) {
	route(a, http.MethodPost, "/whistles/{id}/"+action, whistleSummaries[action], person, func(ctx context.Context, who access.Session, in *struct {
		ID      uuid.UUID `path:"id"`
		IfMatch string    `header:"If-Match" doc:"the version the caller read; without it the whistle is taken as it stands"`
		Body    struct {
			Org      int64      `json:"org,omitempty" doc:"the department; one's own where that is clear"`
			Need     []int64    `json:"need,omitempty" maxItems:"12" doc:"confirm: the departments to call, if other than asked"`
			Note     string     `json:"note,omitempty"`
			Reason   string     `json:"reason,omitempty" doc:"check_in: why from beyond the fence; refuse, close: why"`
			Reply    string     `json:"reply,omitempty"`
			Result   string     `json:"result,omitempty" enum:"solved,partly,cannot,not_exist,"`
			Grade    int16      `json:"grade,omitempty" minimum:"0" maximum:"5"`
			Point    *orb.Point `json:"point,omitempty"`
			Accuracy *float32   `json:"accuracy,omitempty"`
			CRS      string     `json:"crs,omitempty" enum:"wgs84,gcj02,bd09,"`
		}
	}) (*struct{ Body incident.Whistle }, error) {
		b := in.Body
		seen, err := version(in.IfMatch)
		if err != nil {
			return nil, err
		}
		point, err := a.toWGS84(b.CRS, b.Point)
		if err != nil {
			return nil, err
		}
		if b.Note == "" && action != "check_in" {
			b.Note = b.Reason
		}
		w, err := a.Desk.ActOnWhistle(ctx, who.Principal, in.ID, seen, action, desk.WhistleDeed{
			Org: b.Org, Need: b.Need, Note: b.Note, Reply: b.Reply, Result: b.Result, Grade: b.Grade, Point: point, Accuracy: b.Accuracy, Reason: b.Reason,
		})
		if err != nil {
			return nil, err
		}
		return &struct{ Body incident.Whistle }{shownWhistle(who, w)}, nil
	}, func(op *huma.Operation) { op.DefaultStatus = http.StatusOK })
}
