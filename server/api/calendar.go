package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"
	"github.com/xuri/excelize/v2"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/territory/intake"
	"github.com/gridward/gridward/server/workday"
)

// rulesScope is where the caller reads calendars and limits: what it sees on
// the map, and what it edits. A fault when that is nowhere.
func rulesScope(who access.Session) ([]string, error) {
	scope := access.Outermost(append(who.Scope(access.SeeMap), who.Scope(access.ManageRules)...))
	if len(scope) == 0 {
		return nil, fault.New(fault.Denied, "您没有这项权限")
	}
	return scope, nil
}

// reaches reports whether something that holds at path and below is of
// interest to the scope: inside it, above it, or everybody's.
func reaches(scope []string, path string) bool {
	if path == "" || access.Within(scope, path) {
		return true
	}
	for _, s := range scope {
		if access.Covers(path, s) {
			return true
		}
	}
	return false
}

// mayRule is a fault unless the caller may change what holds for the
// organisation and those below it; nil = for everybody.
func (a *API) mayRule(ctx context.Context, q postgres.Querier, who access.Session, org *int64) error {
	if org == nil {
		all, err := postgres.CoversEverybody(ctx, q, who.Scope(access.ManageRules))
		if err == nil && !all {
			err = fault.New(fault.Denied, "这一项对所有单位生效，请由上级管理员修改；您可以为本单位另设")
		}
		return err
	}
	path, err := postgres.OrgPlace(ctx, q, *org)
	if fault.Is(err, fault.Missing) || err == nil && !who.May(access.ManageRules, path) {
		return fault.New(fault.Missing, "没有这个组织机构，或者不在您的管辖范围")
	}
	return err
}

type calendarEdit struct {
	Name    string       `json:"name" minLength:"1" maxLength:"60"`
	Org     *int64       `json:"org,omitempty" doc:"for it and those below it; none = everybody"`
	OrgKind string       `json:"org_kind,omitempty" enum:"city,county,street,department,district_dept,village,community,station,command_room,inspection,partner,"`
	Plan    workday.Plan `json:"plan"`
	Version int32        `json:"version,omitempty" doc:"the version that was edited; If-Match says it as well"`
}

type calendarReply struct {
	Body postgres.Calendar
}

// calendarOf reads one calendar that the caller's scope reaches.
func (a *API) calendarOf(ctx context.Context, scope []string, id int64) (postgres.Calendar, error) {
	c, err := postgres.CalendarByID(ctx, a.DB.Pool, id)
	if err == nil && (len(scope) == 0 || !reaches(scope, c.OrgPath)) {
		err = fault.New(fault.Missing, "没有这个工作日历，或者不在您的管辖范围")
	}
	return c, err
}

func (a *API) calendarRoutes() {
	route(a, http.MethodGet, "/calendars", "Working calendars that hold here: everybody's, those of the scope, and those above it", settled, func(ctx context.Context, who access.Session, _ *nothing) (*struct {
		Body struct {
			Calendars []postgres.Calendar `json:"calendars"`
		}
	}, error) {
		scope, err := rulesScope(who)
		if err != nil {
			return nil, err
		}
		all, err := postgres.Calendars(ctx, a.DB.Pool)
		out := &struct {
			Body struct {
				Calendars []postgres.Calendar `json:"calendars"`
			}
		}{}
		out.Body.Calendars = []postgres.Calendar{}
		for _, c := range all {
			if reaches(scope, c.OrgPath) {
				out.Body.Calendars = append(out.Body.Calendars, c)
			}
		}
		return out, err
	})

	route(a, http.MethodGet, "/calendars/{id}", "One working calendar", settled, func(ctx context.Context, who access.Session, in *struct {
		ID int64 `path:"id"`
	}) (*calendarReply, error) {
		scope, _ := rulesScope(who)
		c, err := a.calendarOf(ctx, scope, in.ID)
		return &calendarReply{c}, err
	})

	route(a, http.MethodPost, "/calendars", "Give an organisation a working calendar of its own", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct{ Body calendarEdit }) (*calendarReply, error) {
		if err := a.mayRule(ctx, a.DB.Pool, who, in.Body.Org); err != nil {
			return nil, err
		}
		if _, err := workday.New(in.Body.Plan, nil); err != nil {
			return nil, inside(err, "plan")
		}
		out := &calendarReply{}
		err := a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			id, err := postgres.InsertCalendar(ctx, tx, postgres.Calendar{Org: in.Body.Org, OrgKind: in.Body.OrgKind, Name: strings.TrimSpace(in.Body.Name), Plan: in.Body.Plan, UpdatedAt: a.Clock()}, who.Account)
			if postgres.Violates(err, "calendar_org_id_org_kind_key") {
				return fault.New(fault.Conflict, "这个单位已有自己的工作日历，请直接修改它")
			}
			if err != nil {
				return err
			}
			if out.Body, err = postgres.CalendarByID(ctx, tx, id); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "calendar.added", out.Body.Name, map[string]any{"calendar": id, "plan": in.Body.Plan})
		})
		return out, err
	}, created)

	route(a, http.MethodPut, "/calendars/{id}", "Change a working calendar; running clocks stay as they are", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		ID      int64  `path:"id"`
		IfMatch string `header:"If-Match"`
		Body    calendarEdit
	}) (*calendarReply, error) {
		c, err := a.calendarOf(ctx, who.Scope(access.ManageRules), in.ID)
		if err != nil {
			return nil, err
		}
		if err := a.mayRule(ctx, a.DB.Pool, who, c.Org); err != nil {
			return nil, err
		}
		if c.Version, err = version(in.IfMatch); err != nil {
			return nil, err
		}
		if c.Version == 0 {
			c.Version = in.Body.Version
		}
		if c.Version == 0 {
			return nil, fault.New(fault.Invalid, "请在 If-Match 或 version 中写明您看到的版本")
		}
		if _, err := workday.New(in.Body.Plan, nil); err != nil {
			return nil, inside(err, "plan")
		}
		before := c.Plan
		c.Name, c.Plan, c.UpdatedAt = strings.TrimSpace(in.Body.Name), in.Body.Plan, a.Clock()
		out := &calendarReply{}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			if err := postgres.UpdateCalendar(ctx, tx, c, who.Account); err != nil {
				return err
			}
			if out.Body, err = postgres.CalendarByID(ctx, tx, c.ID); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "calendar.changed", c.Name, map[string]any{"calendar": c.ID, "before": before, "after": c.Plan})
		})
		return out, err
	})

	route(a, http.MethodGet, "/calendars/{id}/days", "The days of a working calendar, each with its reason", settled, func(ctx context.Context, who access.Session, in *struct {
		ID   int64  `path:"id"`
		From string `query:"from" required:"true" doc:"2026-02-01"`
		To   string `query:"to" required:"true"`
	}) (*struct {
		Body struct {
			Days  []workday.DayView `json:"days"`
			Years []int             `json:"years" doc:"whose holidays are announced"`
		}
	}, error) {
		scope, _ := rulesScope(who)
		c, err := a.calendarOf(ctx, scope, in.ID)
		if err != nil {
			return nil, err
		}
		from, err := workday.ParseDay(in.From)
		to, err2 := workday.ParseDay(in.To)
		if err != nil || err2 != nil || to < from || to-from > 400 {
			return nil, fault.New(fault.Invalid, "起止日期有误：应为 2026-02-01 的形式，不超过 400 天")
		}
		lists, err := postgres.HolidayLists(ctx, a.DB.Pool)
		if err != nil {
			return nil, err
		}
		made, err := postgres.MakeCalendars([]postgres.Calendar{c}, lists)
		if err != nil {
			return nil, err
		}
		out := &struct {
			Body struct {
				Days  []workday.DayView `json:"days"`
				Years []int             `json:"years" doc:"whose holidays are announced"`
			}
		}{}
		for d := from; d <= to; d++ {
			out.Body.Days = append(out.Body.Days, made[0].View(d))
		}
		out.Body.Years = []int{}
		for _, l := range lists {
			if l.Status == workday.Published {
				out.Body.Years = append(out.Body.Years, l.Year)
			}
		}
		return out, nil
	})
	a.holidayRoutes()
}

// inside puts a fault's fields under the field of the body that they are in.
func inside(err error, field string) error {
	var f *fault.Fault
	if errors.As(err, &f) {
		fields := make(map[string]string, len(f.Fields))
		for name, text := range f.Fields {
			fields[field+"."+name] = text
		}
		f.Fields = fields
	}
	return err
}

// largestList bounds an uploaded list: a year has some forty days in it.
const largestList = 2 << 20

type holidayForm struct {
	File   huma.FormFile `form:"file" required:"true"`
	Status string        `form:"status" required:"false" enum:"published,provisional,"`
	Source string        `form:"source" required:"false" maxLength:"300"`
	Year   int           `form:"year" required:"false"`
}

type holidayReply struct {
	Body struct {
		List    postgres.HolidayList `json:"list"`
		Doubts  []string             `json:"doubts" doc:"to look at twice"`
		DryRun  bool                 `json:"dry_run"`
		Running int                  `json:"running" doc:"clocks of the scope that count down now"`
		Changed []incident.Change    `json:"changed" doc:"those that the list moves"`
		Moved   int                  `json:"moved" doc:"how many; of everybody's when the list was imported"`
	}
}

func (a *API) holidayRoutes() {
	route(a, http.MethodGet, "/holiday-lists", "Holidays and 调休 by year, and when they were imported", settled, func(ctx context.Context, who access.Session, _ *nothing) (*struct {
		Body struct {
			Lists   []postgres.HolidayList   `json:"lists"`
			Imports []postgres.HolidayImport `json:"imports"`
		}
	}, error) {
		if _, err := rulesScope(who); err != nil {
			return nil, err
		}
		out := &struct {
			Body struct {
				Lists   []postgres.HolidayList   `json:"lists"`
				Imports []postgres.HolidayImport `json:"imports"`
			}
		}{}
		lists, err := postgres.HolidayLists(ctx, a.DB.Pool)
		if err != nil {
			return nil, err
		}
		imports, err := postgres.HolidayImports(ctx, a.DB.Pool, 50)
		if who.Mask() == access.MaskPeople {
			for i := range imports {
				imports[i].By, imports[i].ByName = 0, ""
			}
		}
		out.Body.Lists, out.Body.Imports = append([]postgres.HolidayList{}, lists...), append([]postgres.HolidayImport{}, imports...)
		return out, err
	})

	route(a, http.MethodPost, "/holiday-lists", "Import the holidays of a year (JSON, CSV or XLSX); with dry_run it says which running clocks would move", power(access.ManageRules),
		func(ctx context.Context, who access.Session, in *struct {
			DryRun  bool `query:"dry_run"`
			RawBody huma.MultipartFormFiles[holidayForm]
		}) (*holidayReply, error) {
			form := in.RawBody.Data()
			defer in.RawBody.Form.RemoveAll()
			defer form.File.Close()
			if !in.DryRun { // the year is everybody's
				if err := a.mayRule(ctx, a.DB.Pool, who, nil); err != nil {
					return nil, err
				}
			}
			if !form.File.IsSet {
				return nil, fault.New(fault.Invalid, "没有收到文件")
			}
			data, err := io.ReadAll(io.LimitReader(form.File, largestList+1))
			if err != nil || len(data) > largestList {
				return nil, fault.New(fault.Invalid, "文件读不出来，或者超过 2 MB")
			}
			list, format, err := readList(data, form.File.Filename, form.Year)
			if err != nil {
				return nil, err
			}
			if form.Status != "" {
				list.Status = workday.Status(form.Status)
			}
			if form.Source != "" {
				list.Source = form.Source
			}
			out := &holidayReply{}
			b := &out.Body
			b.DryRun, b.Doubts, b.List = in.DryRun, append([]string{}, list.Doubts()...), postgres.HolidayList{List: list}
			if b.Changed, b.Running, err = a.Desk.PreviewHolidays(ctx, list, who.Scope(access.ManageRules)); err != nil {
				return nil, err
			}
			b.Moved = len(b.Changed)
			b.Changed = b.Changed[:min(len(b.Changed), mostShown)]
			if in.DryRun {
				return out, nil
			}
			sum := sha256.Sum256(data)
			b.List, b.Moved, err = a.Desk.ImportHolidays(ctx, list,
				postgres.HolidayImport{By: who.Account, ByName: who.Name, Format: format, File: filepath.Base(form.File.Filename), SHA256: sum[:]},
				postgres.Audit{Account: who.Account, Actor: who.Login, IP: who.IP, Action: "holidays.imported", Object: list.Source})
			return out, err
		}, func(op *huma.Operation) { op.MaxBodyBytes = largestList + 1<<16 })

	route(a, http.MethodPost, "/deadlines/compute", "When a limit that begins at an instant would be due", person, func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			Start    time.Time     `json:"start"`
			Limit    workday.Limit `json:"limit"`
			Calendar int64         `json:"calendar,omitempty"`
			Org      int64         `json:"org,omitempty" doc:"on whose calendar, when none is named; everybody's otherwise"`
			Warn     *float64      `json:"warn_ratio,omitempty" minimum:"0" maximum:"0.99"`
		}
	}) (*struct{ Body computed }, error) {
		scope, err := rulesScope(who)
		if err != nil {
			return nil, err
		}
		if err := in.Body.Limit.Check(); err != nil {
			return nil, err
		}
		if y := in.Body.Start.Year(); y < 2000 || y > 2150 {
			return nil, fault.New(fault.Invalid, "起算时间有误")
		}
		terms, err := postgres.ReadTerms(ctx, a.DB.Pool, a.Clock())
		if err != nil {
			return nil, err
		}
		cal := terms.CalendarOf("", "")
		switch {
		case in.Body.Calendar != 0:
			if cal = terms.Calendar(&in.Body.Calendar); cal != nil && !reaches(scope, cal.OrgPath) {
				cal = nil
			}
		case in.Body.Org != 0:
			path, err := postgres.OrgPlace(ctx, a.DB.Pool, in.Body.Org)
			if fault.Is(err, fault.Missing) || err == nil && !access.Within(scope, path) {
				return nil, fault.New(fault.Missing, "没有这个组织机构，或者不在您的管辖范围")
			}
			if err != nil {
				return nil, err
			}
			cal = terms.CalendarOf(path, "")
		}
		if cal == nil {
			return nil, fault.New(fault.Missing, "没有这个工作日历，或者不在您的管辖范围")
		}
		warn := 0.2
		if in.Body.Warn != nil {
			warn = *in.Body.Warn
		}
		d := cal.Due(in.Body.Start, in.Body.Limit, warn)
		return &struct{ Body computed }{computed{
			StartedAt: d.Start.UTC(), EffectiveAt: d.Effective.UTC(), DueAt: d.At.UTC(), WarnAt: d.WarnAt.UTC(), Minutes: d.Minutes,
			Limit: in.Body.Limit, LimitText: in.Body.Limit.String(), Calendar: cal.ID, CalendarName: cal.Name, Provisional: d.Provisional,
		}}, nil
	})
}

// computed is a clock that does not run.
type computed struct {
	StartedAt    time.Time     `json:"started_at"`
	EffectiveAt  time.Time     `json:"effective_at"`
	DueAt        time.Time     `json:"due_at"`
	WarnAt       time.Time     `json:"warn_at"`
	Minutes      int           `json:"minutes"`
	Limit        workday.Limit `json:"limit"`
	LimitText    string        `json:"limit_text"`
	Calendar     int64         `json:"calendar"`
	CalendarName string        `json:"calendar_name"`
	Provisional  bool          `json:"provisional"`
}

// readList reads a list in whichever form it came.
func readList(data []byte, name string, year int) (l workday.List, format string, err error) {
	switch text := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff"))); {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		rows, err := firstSheet(data)
		if err != nil {
			return l, "xlsx", err
		}
		l, err = workday.ParseTable(rows, year)
		return l, "xlsx", err
	case bytes.HasPrefix(text, []byte("{")), strings.EqualFold(filepath.Ext(name), ".json"):
		l, err = workday.ParseJSON(data)
		return l, "json", err
	}
	l, err = workday.ParseCSV(intake.UTF8(data), year)
	return l, "csv", err
}

// firstSheet returns the cells of a workbook's first sheet; dates as their numbers.
func firstSheet(data []byte) ([][]string, error) {
	book, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{UnzipSizeLimit: 32 << 20, UnzipXMLSizeLimit: 16 << 20})
	if err != nil {
		return nil, fault.Because(err, fault.Invalid, "这个 XLSX 文件打不开")
	}
	defer book.Close()
	rows, err := book.GetRows(book.GetSheetName(0), excelize.Options{RawCellValue: true})
	if err != nil {
		return nil, fault.Because(err, fault.Invalid, "这个 XLSX 文件的第一张表读不出来")
	}
	return rows, nil
}
