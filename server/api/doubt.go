package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/patrol"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/workday"
)

type doubtList struct {
	Doubts []postgres.Doubt `json:"doubts"`
	Next   string           `json:"next,omitempty"`
	Total  int              `json:"total"`
	// Progress is of the days asked for, whatever else narrows the list.
	Progress *postgres.Computing `json:"progress,omitempty" doc:"how many of the days were looked at, and how many wait for it; with the first page"`
}

var (
	doubtStates   = map[patrol.DoubtState]string{patrol.DoubtRaised: "待核实", patrol.DoubtExplained: "已说明", patrol.DoubtDecided: "已认定", patrol.DoubtAppealed: "申诉中", patrol.DoubtClosed: "已办结", patrol.DoubtWithdrawn: "已撤回"}
	missingDoubt  = "没有这条存疑记录，或者不在您的管辖范围"
	otherPerson   = "另一名人员"
	purposeNeeded = "请填写查看轨迹的事由"
)

func (l doubtList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Doubts))
	for i, d := range l.Doubts {
		names := make([]string, len(d.Codes))
		for k, c := range d.Codes {
			names[k] = patrol.DoubtCode(c).Name()
		}
		rows[i] = []string{d.Day, d.WorkerName, d.OrgName, strconv.Itoa(d.Score), strings.Join(names, "、"), doubtStates[d.State], d.Verdict.Name(), d.DecidedName, localTime(d.RaisedAt)}
	}
	return []string{"日期", "姓名", "社区(村)", "存疑分(仅供参考)", "信号", "状态", "认定", "认定人", "提示时间"}, rows
}

// doubtSignal is a signal without its places: when, not where.
type doubtSignal struct {
	Code      patrol.DoubtCode   `json:"code"`
	Name      string             `json:"name"`
	Points    int                `json:"points"`
	Text      string             `json:"text"`
	What      string             `json:"what" doc:"what is looked for, and what may explain it"`
	Mitigated string             `json:"mitigated,omitempty"`
	Why       string             `json:"why,omitempty" doc:"why it counts nothing, as a word of the program"`
	Figures   map[string]float64 `json:"figures"`
}

type doubtDetail struct {
	postgres.Doubt
	Signals   []doubtSignal        `json:"signals"`
	Steps     []postgres.DoubtStep `json:"steps" doc:"everything that happened, in its order; nothing of it can be changed"`
	May       []patrol.DoubtAct    `json:"may"`
	Threshold int                  `json:"threshold"`
}

// doubtView is a doubt's evidence on the map.
type doubtView struct {
	Track   postgres.Track  `json:"track" doc:"the whole day"`
	Signals []patrol.Signal `json:"signals"`
	Beside  []doubtBeside   `json:"beside" doc:"the days that it is compared with"`
}

type doubtBeside struct {
	Day    string         `json:"day"`
	Worker int64          `json:"worker"`
	Name   string         `json:"name"`
	Track  postgres.Track `json:"track"`
}

type doubtID struct {
	ID uuid.UUID `path:"id"`
}

func (a *API) doubtRoutes() {
	route(a, http.MethodGet, "/doubts", "Doubtful tracks (存疑轨迹) of the scope, the newest day first; without places", power(access.SeeTrack), func(ctx context.Context, who access.Session, in *struct {
		Paging
		Queue  string `query:"queue" enum:"open,appeal,done," doc:"open = waits for somebody's decision"`
		Code   string `query:"code" maxLength:"40" doc:"with this signal"`
		Worker int64  `query:"worker"`
		Org    int64  `query:"org"`
		Grid   int64  `query:"grid" doc:"of people assigned to it on the day"`
		Week   string `query:"week" doc:"its Monday"`
		From   string `query:"from" doc:"a day"`
		To     string `query:"to" doc:"a day, included"`
		Q      string `query:"q" maxLength:"40"`
	}) (*struct {
		ListHead
		Body doubtList
	}, error) {
		f := postgres.DoubtFilter{Scope: who.Scope(access.SeeTrack), Worker: some(in.Worker), Grid: some(in.Grid), Queue: in.Queue, Code: in.Code, Query: strings.TrimSpace(in.Q), Limit: in.rows()}
		var err error
		if f.From, err = dateOf(in.From, "from"); err != nil {
			return nil, err
		}
		if f.To, err = dateOf(in.To, "to"); err != nil {
			return nil, err
		}
		if monday, err := dateOf(in.Week, "week"); err != nil {
			return nil, err
		} else if monday != nil {
			sunday := monday.AddDate(0, 0, 6)
			f.From, f.To = monday, &sunday
		}
		if in.Org != 0 {
			land, _, err := a.atlas.read(ctx)
			if err != nil {
				return nil, err
			}
			for i := range land.orgs {
				if land.orgs[i].ID == in.Org {
					f.OrgPath = land.orgs[i].Path
				}
			}
			if f.OrgPath == "" || !access.Within(f.Scope, f.OrgPath) && !strings.HasPrefix(f.Scope[0], f.OrgPath) {
				return nil, fault.New(fault.Missing, "没有这个组织机构，或者不在您的管辖范围")
			}
		}
		list, err := a.doubts(ctx, who, in.Paging, f)
		if err == nil && in.Cursor == "" {
			var p postgres.Computing
			p, err = postgres.DoubtProgress(ctx, a.DB.Pool, f, workday.DayOf(a.Clock()))
			list.Progress = &p
		}
		if err == nil && in.export() {
			err = a.audit(ctx, a.DB.Pool, who, "doubts.exported", "", map[string]any{"rows": len(list.Doubts)})
		}
		return &struct {
			ListHead
			Body doubtList
		}{head(in.Paging, "doubts", a.Clock()), list}, err
	})

	route(a, http.MethodGet, "/doubts/{id}", "One doubt: its signals in words, what was said and decided", power(access.SeeTrack), func(ctx context.Context, who access.Session, in *doubtID) (*struct{ Body doubtDetail }, error) {
		d, err := a.doubtInScope(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		out, err := a.doubtDetail(ctx, who, d, true)
		return &struct{ Body doubtDetail }{out}, err
	})

	route(a, http.MethodPost, "/doubts/{id}/views", "A doubt's evidence on the map; who looked and why is recorded first, for everybody whose track is shown", power(access.SeeTrack), func(ctx context.Context, who access.Session, in *struct {
		ID   uuid.UUID `path:"id"`
		Body struct {
			Purpose string `json:"purpose" maxLength:"200"`
		}
	}) (*struct{ Body doubtView }, error) {
		d, err := a.doubtInScope(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		purpose := strings.TrimSpace(in.Body.Purpose)
		if len([]rune(purpose)) < 2 {
			return nil, fault.New(fault.Invalid, "%s", purposeNeeded).At("purpose")
		}
		out, err := a.doubtView(ctx, who, d, purpose)
		return &struct{ Body doubtView }{out}, err
	})

	route(a, http.MethodPost, "/doubts/{id}/decide", "Decide a doubt, with a reason: somebody other than the worker; an appeal: somebody other than who decided before", power(access.SeeTrack), func(ctx context.Context, who access.Session, in *struct {
		ID   uuid.UUID `path:"id"`
		Body struct {
			Verdict patrol.DoubtVerdict `json:"verdict" enum:"cleared,confirmed,needs_talk"`
			Reason  string              `json:"reason" maxLength:"2000"`
		}
	}) (*struct{ Body doubtDetail }, error) {
		if err := a.Desk.DecideDoubt(ctx, who.Principal, in.ID, in.Body.Verdict, in.Body.Reason); err != nil {
			return nil, err
		}
		d, err := a.doubtInScope(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		out, err := a.doubtDetail(ctx, who, d, true)
		return &struct{ Body doubtDetail }{out}, err
	})
	a.myDoubtRoutes()
	a.doubtPolicyRoutes()
}

// dateOf reads a day that need not be said.
func dateOf(text, field string) (*time.Time, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no day was said
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return nil, fault.New(fault.Invalid, "日期应写成 2026-09-14 的样子").At(field)
	}
	return &day, nil
}

type doubtCursor struct {
	Day string
	ID  uuid.UUID
}

func (a *API) doubts(ctx context.Context, who access.Session, p Paging, f postgres.DoubtFilter) (doubtList, error) {
	var at doubtCursor
	if ok, err := p.read(&at); err != nil {
		return doubtList{}, err
	} else if ok {
		f.AfterDay, f.AfterID = &at.Day, &at.ID
	}
	list, total, err := postgres.ListDoubts(ctx, a.DB.Pool, f)
	if err != nil {
		return doubtList{}, err
	}
	list, next := cut(p, list, func(d postgres.Doubt) any { return doubtCursor{d.Day, d.ID} })
	for i := range list {
		if f.Scope != nil {
			list[i].WorkerName = personName(who, list[i].WorkerName, list[i].OrgPath)
		}
	}
	return doubtList{Doubts: list, Next: next, Total: total}, nil
}

func (a *API) doubtInScope(ctx context.Context, who access.Session, id uuid.UUID) (postgres.Doubt, error) {
	d, err := postgres.DoubtByID(ctx, a.DB.Pool, id)
	if err == nil && !access.Within(who.Scope(access.SeeTrack), d.OrgPath) {
		err = fault.New(fault.Missing, "%s", missingDoubt)
	}
	return d, err
}

func (a *API) doubtDetail(ctx context.Context, who access.Session, d postgres.Doubt, sees bool) (doubtDetail, error) {
	out := doubtDetail{Doubt: d, Signals: []doubtSignal{}}
	if sees {
		out.WorkerName = personName(who, d.WorkerName, d.OrgPath)
	}
	signals, err := postgres.DoubtSignals(ctx, a.DB.Pool, d.ID)
	if err != nil {
		return out, err
	}
	what := map[patrol.DoubtCode]string{}
	for _, k := range patrol.DoubtKinds() {
		what[k.Code] = k.What
	}
	for _, s := range signals {
		out.Signals = append(out.Signals, doubtSignal{s.Code, s.Name, s.Points, s.Text, what[s.Code], s.Mitigated, s.Why, s.Figures})
	}
	if out.Steps, err = postgres.DoubtSteps(ctx, a.DB.Pool, d.ID); err != nil {
		return out, err
	}
	p, err := postgres.DoubtPolicyOf(ctx, a.DB.Pool, d.Region)
	if err != nil {
		return out, err
	}
	out.Threshold, out.May = p.Threshold, d.Life().May(who.Principal, sees, a.Clock(), p)
	return out, nil
}

// columns are fixes as a chart reads them.
func columns(fixes []trail.Fix) postgres.Track {
	t := postgres.Track{At: []int64{}, Lon: []float64{}, Lat: []float64{}, Speed: []*float32{}, Accuracy: []*float32{}, Flags: []int32{}, Grid: []*int64{}}
	for i := range fixes {
		f := &fixes[i]
		t.At, t.Lon, t.Lat = append(t.At, f.Ms), append(t.Lon, f.Point[0]), append(t.Lat, f.Point[1])
		t.Speed, t.Accuracy, t.Flags, t.Grid = append(t.Speed, figure(f.Speed)), append(t.Accuracy, figure(f.Accuracy)), append(t.Flags, int32(f.Flags)), append(t.Grid, nil)
	}
	return t
}

func (a *API) doubtDay(ctx context.Context, region, worker int64, text string) (postgres.Track, time.Time, error) {
	day, err := time.ParseInLocation(time.DateOnly, text, today(a.Clock()).Location())
	if err != nil {
		return postgres.Track{}, day, err
	}
	fixes, err := postgres.DayFixes(ctx, a.DB.Pool, region, worker, day, day.AddDate(0, 0, 1))
	return columns(fixes), day, err
}

// doubtView reads the evidence for somebody else: each person whose track it
// shows is told first. Somebody out of the caller's scope stays unknown.
func (a *API) doubtView(ctx context.Context, who access.Session, d postgres.Doubt, purpose string) (doubtView, error) {
	out := doubtView{Beside: []doubtBeside{}}
	day, err := time.Parse(time.DateOnly, d.Day)
	if err != nil {
		return out, err
	}
	if err := postgres.WriteAccessRecord(ctx, a.DB.Pool, who.Account, d.Worker, "doubt", purpose, day, who.IP); err != nil {
		return out, err
	}
	if out.Signals, err = postgres.DoubtSignals(ctx, a.DB.Pool, d.ID); err != nil {
		return out, err
	}
	if out.Track, _, err = a.doubtDay(ctx, d.Region, d.Worker, d.Day); err != nil {
		return out, err
	}
	shown := map[string]bool{}
	for i := range out.Signals {
		for k := range out.Signals[i].Evidence {
			o := out.Signals[i].Evidence[k].Other
			if o == nil {
				continue
			}
			worker, name := d.Worker, personName(who, d.WorkerName, d.OrgPath)
			if o.Worker != 0 {
				w, err := postgres.WorkerByID(ctx, a.DB.Pool, o.Worker)
				if err != nil && !fault.Is(err, fault.Missing) {
					return out, err
				}
				if err != nil || !access.Within(who.Scope(access.SeeTrack), w.OrgPath) {
					*o = patrol.EvidenceBeside{Day: o.Day, Name: otherPerson, From: o.From, To: o.To}
					continue
				}
				worker, name = w.ID, personName(who, w.Name, w.OrgPath)
				o.Name = name
			}
			key := strconv.FormatInt(worker, 10) + o.Day
			if shown[key] || o.Day == "" || len(out.Beside) >= 6 {
				continue
			}
			shown[key] = true
			then, err := time.Parse(time.DateOnly, o.Day)
			if err != nil {
				return out, err
			}
			if err := postgres.WriteAccessRecord(ctx, a.DB.Pool, who.Account, worker, "doubt", purpose, then, who.IP); err != nil {
				return out, err
			}
			b := doubtBeside{Day: o.Day, Worker: worker, Name: name}
			if b.Track, _, err = a.doubtDay(ctx, d.Region, worker, o.Day); err != nil {
				return out, err
			}
			out.Beside = append(out.Beside, b)
		}
	}
	return out, nil
}

func (a *API) myDoubtRoutes() {
	mine := func(ctx context.Context, who access.Session, id uuid.UUID) (postgres.Doubt, error) {
		d, err := postgres.DoubtByID(ctx, a.DB.Pool, id)
		if err == nil && (who.Worker == 0 || d.Worker != who.Worker) {
			err = fault.New(fault.Missing, "%s", missingDoubt)
		}
		return d, err
	}
	route(a, http.MethodGet, "/me/doubts", "Doubts about the caller's own days", person, func(ctx context.Context, who access.Session, in *Paging) (*struct {
		ListHead
		Body doubtList
	}, error) {
		list := doubtList{Doubts: []postgres.Doubt{}}
		var err error
		if who.Worker != 0 {
			list, err = a.doubts(ctx, who, *in, postgres.DoubtFilter{Worker: &who.Worker, Limit: in.rows()})
		}
		return &struct {
			ListHead
			Body doubtList
		}{head(*in, "my-doubts", a.Clock()), list}, err
	})

	type myDoubt struct {
		doubtDetail
		View doubtView `json:"view" doc:"the caller's own track and all its evidence; other people in it have no name and no place"`
	}
	read := func(ctx context.Context, who access.Session, id uuid.UUID) (*struct{ Body myDoubt }, error) {
		d, err := mine(ctx, who, id)
		if err != nil {
			return nil, err
		}
		out := myDoubt{View: doubtView{Beside: []doubtBeside{}}}
		if out.doubtDetail, err = a.doubtDetail(ctx, who, d, false); err != nil {
			return nil, err
		}
		if out.View.Signals, err = postgres.DoubtSignals(ctx, a.DB.Pool, d.ID); err != nil {
			return nil, err
		}
		if out.View.Track, _, err = a.doubtDay(ctx, d.Region, d.Worker, d.Day); err != nil {
			return nil, err
		}
		shown := map[string]bool{}
		for i := range out.View.Signals {
			for k := range out.View.Signals[i].Evidence {
				o := out.View.Signals[i].Evidence[k].Other
				switch {
				case o == nil:
				case o.Worker != 0:
					*o = patrol.EvidenceBeside{Day: o.Day, Name: otherPerson, From: o.From, To: o.To}
				case !shown[o.Day] && len(shown) < 6:
					shown[o.Day] = true
					b := doubtBeside{Day: o.Day, Worker: d.Worker, Name: d.WorkerName}
					if b.Track, _, err = a.doubtDay(ctx, d.Region, d.Worker, o.Day); err != nil {
						return nil, err
					}
					out.View.Beside = append(out.View.Beside, b)
				}
			}
		}
		return &struct{ Body myDoubt }{out}, nil
	}
	route(a, http.MethodGet, "/me/doubts/{id}", "One doubt about the caller's own day, with all its evidence and who decided what", person, func(ctx context.Context, who access.Session, in *doubtID) (*struct{ Body myDoubt }, error) {
		return read(ctx, who, in.ID)
	})
	type words struct {
		Text   string      `json:"text" maxLength:"4000"`
		Photos []uuid.UUID `json:"photos,omitempty" maxItems:"9"`
		Client string      `json:"client_id,omitempty" maxLength:"64" doc:"the phone's own: said again with the same one, it counts once"`
	}
	route(a, http.MethodPost, "/me/doubts/{id}/explain", "Say how it was (说明)", person, func(ctx context.Context, who access.Session, in *struct {
		ID   uuid.UUID `path:"id"`
		Body words
	}) (*struct{ Body myDoubt }, error) {
		if err := a.Desk.ExplainDoubt(ctx, who.Principal, in.ID, desk.DoubtWords{Text: in.Body.Text, Photos: in.Body.Photos, Client: in.Body.Client}); err != nil {
			return nil, err
		}
		return read(ctx, who, in.ID)
	})
	route(a, http.MethodPost, "/me/doubts/{id}/appeal", "Appeal against a decision (申诉): somebody else looks again", person, func(ctx context.Context, who access.Session, in *struct {
		ID   uuid.UUID `path:"id"`
		Body words
	}) (*struct{ Body myDoubt }, error) {
		if err := a.Desk.AppealDoubt(ctx, who.Principal, in.ID, desk.DoubtWords{Text: in.Body.Text, Photos: in.Body.Photos, Client: in.Body.Client}); err != nil {
			return nil, err
		}
		return read(ctx, who, in.ID)
	})
}

func (a *API) doubtPolicyRoutes() {
	type policies struct {
		Policies []postgres.DoubtPolicyRow `json:"policies" doc:"the one in force first"`
		Kinds    []patrol.DoubtKind        `json:"kinds" doc:"the dictionary of signals and their figures"`
	}
	region := func(who access.Session, p access.Power) int64 {
		for _, post := range who.Posts {
			if p == "" || who.May(p, post.Path) {
				return post.Region
			}
		}
		return 0
	}
	list := func(ctx context.Context, region int64) (*struct{ Body policies }, error) {
		all, err := postgres.DoubtPolicies(ctx, a.DB.Pool, region, 50)
		return &struct{ Body policies }{policies{all, patrol.DoubtKinds()}}, err
	}
	route(a, http.MethodGet, "/doubt-policies", "What is looked for in tracks and what it counts, for everybody to read", person, func(ctx context.Context, who access.Session, _ *struct{}) (*struct{ Body policies }, error) {
		return list(ctx, region(who, ""))
	})
	route(a, http.MethodPost, "/doubt-policies", "The next version of the policy; it holds from the next look on, and for no doubt that was decided", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			patrol.DoubtPolicy
			Note string `json:"note,omitempty" maxLength:"500"`
		}
	}) (*struct{ Body policies }, error) {
		r := region(who, access.ManageRules)
		if _, err := a.Desk.SetDoubtPolicy(ctx, who.Principal, r, in.Body.DoubtPolicy, in.Body.Note); err != nil {
			return nil, err
		}
		return list(ctx, r)
	}, created)
}

// mayReadDoubtPhoto reports whether a photo belongs to an explanation that the caller may read.
func (a *API) mayReadDoubtPhoto(ctx context.Context, who access.Session, photo uuid.UUID) (bool, error) {
	id, found, err := postgres.DoubtOfPhoto(ctx, a.DB.Pool, photo)
	if err != nil || !found || who.Kiosk != 0 {
		return false, err
	}
	d, err := postgres.DoubtByID(ctx, a.DB.Pool, id)
	if err != nil {
		return false, err
	}
	return who.Worker != 0 && who.Worker == d.Worker || access.Within(who.Scope(access.SeeTrack), d.OrgPath), nil
}
