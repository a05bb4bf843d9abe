// Package api is the HTTP door for people: /api/v1, described by OpenAPI 3.1
// (docs/openapi.yaml is generated from what is registered here).
//
// A handler translates: it reads the request, asks one question of postgres or
// the board or gives one command to the desk, and writes the reply. What a
// route needs of its caller stands in its registration, not in its body, so
// that one test can hold every route against every role. Scope is narrower:
// each query takes the organisation paths on which the caller holds the power,
// and a row outside them does not exist for the caller (404, never 403).
package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/blob"
	"github.com/gridward/gridward/server/board"
	"github.com/gridward/gridward/server/desk"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/seal"
	"github.com/gridward/gridward/server/territory"
)

// Door is what the API needs of signin, another door, which main hands over.
type Door struct {
	Login          func(ctx context.Context, r *http.Request, login, password string) (access.Session, *http.Cookie, error)
	Logout         func(ctx context.Context, r *http.Request, of access.Session) (*http.Cookie, error)
	ChangePassword func(ctx context.Context, of access.Session, old, fresh string) error
	Pair           func(ctx context.Context, r *http.Request, code string) (access.Session, *http.Cookie, error)
	NewPairing     func(ctx context.Context, q postgres.Querier, kiosk int64) (code string, expires time.Time, err error)
	RevokeKiosk    func(ctx context.Context, by access.Session, kiosk int64) error
}

// Deps is everything the API is built on.
type Deps struct {
	DB      *postgres.DB
	Desk    *desk.Desk
	Blob    *blob.Store
	Board   *board.Board
	Clock   func() time.Time
	Log     *slog.Logger
	Seal    *seal.Key // closes the secrets that people give
	Version string
	Door    Door
	Sources func(ctx context.Context, who access.Session) (territory.MapSources, error) // what tiles can serve (tiles.Tiles.Shown)
	WGS84   func(crs string, p orb.Point) (orb.Point, error)
	// Control has walls do what a console shows them, here and on other nodes; told is how many screens of this node. Optional.
	Control func(by access.Principal, region int64, do []byte) (told int, err error)
	// Changed says that a device's credentials are no longer what they were; nil = nobody remembers any.
	Changed func()
	// Sending says that there may be a message to send; nil = nobody sends.
	Sending func()
	// ExportFreely lets other people's tracks leave as a file without somebody else's leave.
	ExportFreely bool
	Keep         postgres.Retention // how long tracks stay, to be told; zero fields are the defaults
	Gateway      bool               // whether there is a video gateway to play cameras from
	// Replay hands a quarantined record to its decoder again; outcome is a word for the list.
	Replay func(ctx context.Context, id int64, scope []string, by int64) (outcome string, err error)
}

// API is the registered routes.
type API struct {
	Deps
	huma   huma.API
	routes []Route
	atlas  *atlas
	ways   *wayfinder
	counts *overviews
}

// New registers every route on mux.
func New(mux *http.ServeMux, d Deps) *API {
	if d.Clock == nil {
		d.Clock = time.Now
	}
	if d.Log == nil {
		d.Log = slog.Default()
	}
	if d.Changed == nil {
		d.Changed = func() {}
	}
	if d.Sending == nil {
		d.Sending = func() {}
	}
	d.Keep.Raw, d.Keep.Track = cmp.Or(d.Keep.Raw, postgres.RawDays), cmp.Or(d.Keep.Track, postgres.KeepDays)
	config := huma.DefaultConfig("Gridward", "1")
	config.Info.Description = "The command centre's API. Times are RFC 3339 in UTC, points [longitude, latitude] in WGS-84. Errors are problem documents (RFC 9457) with a kind: " +
		"invalid (change the request), unknown (sign in), denied, missing, conflict (read again), busy (send the same later)."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "/api/v1/openapi", "", ""
	config.CreateHooks = nil // no $schema links in answers
	config.AllowAdditionalPropertiesByDefault = true
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaNames())
	config.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat, "text/csv": csvFormat, xlsxType: xlsxFormat}
	config.Transformers = []huma.Transformer{translateErrors, signExport(d.Clock)}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "apiKey", In: "cookie", Name: "__Host-gridward", Description: "Opened by POST /api/v1/session; over plain HTTP on a loopback the cookie is called gridward."},
	}
	a := &API{Deps: d, huma: humago.New(mux, config)}
	a.atlas = newAtlas(d.DB, d.Clock)
	a.counts = newOverviews()
	a.ways = newWayfinder(d.DB, d.Clock)
	a.huma.UseMiddleware(carryRequest)
	a.sessionRoutes()
	a.mapRoutes()
	a.workerRoutes()
	a.trackRoutes()
	a.playbackRoutes()
	a.trackExportRoutes()
	a.incidentRoutes()
	a.loopRoutes()
	a.listRoutes()
	a.statisticRoutes()
	a.attachmentRoutes(mux)
	a.journalRoutes()
	a.searchRoutes()
	a.sosRoutes()
	a.alarmRoutes()
	a.cameraRoutes()
	a.deviceRoutes()
	a.quarantineRoutes()
	a.kioskRoutes()
	a.accountRoutes()
	a.calendarRoutes()
	a.ruleRoutes()
	a.meRoutes()
	a.dispatchRoutes()
	a.channelRoutes()
	a.receiptRoutes(mux)
	a.areaRoutes()
	a.resourceRoutes()
	a.intakeRoutes()
	a.watchLogRoutes()
	a.visitRoutes()
	a.visitObjectRoutes()
	a.visitDictionaryRoutes()
	a.ledgerRoutes()
	a.catalogueRoutes()
	a.whistleRoutes()
	a.printRoutes(mux)
	a.patrolRoutes()
	a.patrolReportRoute(mux)
	a.doubtRoutes()
	a.dataProtectionRoutes(mux)
	a.assessRoutes(mux)
	describeProblem(a.huma.OpenAPI())
	return a
}

// need is what a route asks of its caller before it runs.
type need struct {
	word  string
	power access.Power
}

var (
	anyone   = need{word: "anyone"}    // nobody need be signed in
	signedIn = need{word: "signed_in"} // an account, even one that must change its password, or a kiosk
	settled  = need{word: "settled"}   // signed in with a settled password, kiosks too; the handler looks at the row
	person   = need{word: "person"}    // an account with a settled password
)

func power(p access.Power) need { return need{word: string(p), power: p} }

// Route is one registered operation and what it needs: what the test of the
// matrix of roles reads.
type Route struct {
	Method, Path string
	Need         string
}

// Routes lists every operation.
func (a *API) Routes() []Route { return a.routes }

// OpenAPI returns the description of every route.
func (a *API) OpenAPI() ([]byte, error) { return a.huma.OpenAPI().YAML() }

// route registers one operation. An error that is no fault is a surprise: it is
// logged once, here, and answered with a bare 500.
func route[I, O any](a *API, method, path, summary string, n need, handle func(ctx context.Context, who access.Session, in *I) (*O, error), more ...func(*huma.Operation)) {
	op := huma.Operation{Method: method, Path: "/api/v1" + path, Summary: summary, OperationID: operationID(method, path)}
	if n != anyone {
		op.Security = []map[string][]string{{"session": {}}}
		op.Description = "Needs: " + n.word + "."
	}
	for _, change := range more {
		change(&op)
	}
	a.routes = append(a.routes, Route{method, op.Path, n.word})
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		if _, err := a.admit(ctx.Context(), n); err != nil { // before a byte of the body is read
			_, w := humago.Unwrap(ctx)
			a.refuse(ctx.Context(), w, err)
			return
		}
		next(ctx)
	})
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		who, _ := access.From(ctx)
		out, err := handle(ctx, who, in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
}

// admit checks what the route needs of its caller.
func (a *API) admit(ctx context.Context, n need) (access.Session, error) {
	who, ok := access.From(ctx)
	switch {
	case n == anyone:
		return who, nil
	case !ok:
		return who, fault.New(fault.Unknown, "请先登录")
	case n == signedIn:
		return who, nil
	case who.MustChange:
		return who, fault.New(fault.Denied, "请先修改初始密码")
	case n == person && who.Account == 0:
		return who, fault.New(fault.Denied, "大屏不能进行这项操作")
	case n.power != "" && !who.Has(n.power):
		return who, fault.New(fault.Denied, "您没有这项权限")
	}
	return who, nil
}

type requestKey struct{}

// carryRequest lets the few handlers that need the raw request (sign-in) find it.
func carryRequest(ctx huma.Context, next func(huma.Context)) {
	r, _ := humago.Unwrap(ctx)
	switch {
	case ctx.Query("format") == "csv":
		r.Header.Set("Accept", "text/csv")
	case ctx.Query("format") == "xlsx", strings.HasSuffix(r.URL.Path, ".xlsx"):
		r.Header.Set("Accept", xlsxType)
	}
	next(huma.WithValue(ctx, requestKey{}, r))
}

func request(ctx context.Context) *http.Request {
	r, _ := ctx.Value(requestKey{}).(*http.Request)
	return r
}

// audit notes a deed that has no transaction of its own.
func (a *API) audit(ctx context.Context, q postgres.Querier, who access.Session, action, object string, detail map[string]any) error {
	return postgres.WriteAudit(ctx, q, postgres.Audit{Account: who.Account, Actor: who.Login, IP: who.IP, Action: action, Object: object, Detail: detail})
}
