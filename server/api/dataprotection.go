package api

import (
	"archive/zip"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/gridward/gridward/geo/trail"
	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/postgres"
)

type dataClass struct {
	postgres.DataClass
	Held *postgres.HeldData `json:"held,omitempty"`
}

// myData answers "what do you hold about me".
type myData struct {
	Worker     leaderRef               `json:"worker"`
	Controller postgres.DataController `json:"controller"`
	Classes    []dataClass             `json:"classes"`
	Looks      []postgres.AccessRecord `json:"looks" doc:"the last twenty; the rest under /me/access-records"`
	Exports    []postgres.TakenOut     `json:"exports" doc:"files that the caller's track is in"`
	Runs       []postgres.RetentionRun `json:"runs" doc:"what retention removed lately, of everybody"`
}

type dataProtection struct {
	Controller postgres.DataController `json:"controller"`
	Classes    []postgres.DataClass    `json:"classes"`
	Runs       []postgres.RetentionRun `json:"runs"`
	MayEdit    bool                    `json:"may_edit"`
}

// classes are the records of processing, with the figure that is in force for tracks.
func (a *API) classes(ctx context.Context) ([]postgres.DataClass, error) {
	list, err := postgres.DataClasses(ctx, a.DB.Pool)
	for i := range list {
		if list[i].Code == "track" {
			days := a.keepTracks()
			list[i].RetentionDays = &days
		}
	}
	return list, err
}

func (a *API) dataProtectionRoutes(mux *http.ServeMux) {
	route(a, http.MethodGet, "/data-protection", "Records of processing: what is held about people, why, on what basis, for how long, and what retention removed", person, func(ctx context.Context, who access.Session, _ *struct{}) (*struct{ Body dataProtection }, error) {
		out, err := a.protection(ctx, who)
		return &struct{ Body dataProtection }{out}, err
	})

	route(a, http.MethodPut, "/data-protection/controller", "Who answers for the data, and whom to ask", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			Name       string `json:"name" maxLength:"100"`
			Contact    string `json:"contact" maxLength:"200"`
			Complaint  string `json:"complaint" maxLength:"200"`
			Assessment string `json:"assessment" maxLength:"100"`
			AssessedOn string `json:"assessed_on" doc:"a day, or nothing"`
			Notice     string `json:"notice" maxLength:"2000"`
			Version    int32  `json:"version"`
		}
	}) (*struct{ Body dataProtection }, error) {
		b := in.Body
		on, err := dateOf(b.AssessedOn, "assessed_on")
		if err != nil {
			return nil, err
		}
		c := postgres.DataController{Name: strings.TrimSpace(b.Name), Contact: strings.TrimSpace(b.Contact), Complaint: strings.TrimSpace(b.Complaint), Assessment: strings.TrimSpace(b.Assessment), AssessedOn: on, Notice: strings.TrimSpace(b.Notice), Version: b.Version}
		if err := postgres.UpdateDataController(ctx, a.DB.Pool, c, a.Clock(), who.Account, who.Name); err != nil {
			return nil, err
		}
		if err := a.audit(ctx, a.DB.Pool, who, "data_controller.changed", "", nil); err != nil {
			return nil, err
		}
		out, err := a.protection(ctx, who)
		return &struct{ Body dataProtection }{out}, err
	})

	route(a, http.MethodPut, "/data-protection/classes/{code}", "The house's own words on one class of data", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		Code string `path:"code" maxLength:"40"`
		Body struct {
			Content       string `json:"content" maxLength:"500"`
			Purpose       string `json:"purpose" maxLength:"500"`
			LegalBasis    string `json:"legal_basis" maxLength:"500"`
			Recipients    string `json:"recipients" maxLength:"500"`
			RetentionDays *int   `json:"retention_days,omitempty" minimum:"1" maximum:"3650" doc:"of doubt and signature; tracks are kept as the program was told"`
			RetentionText string `json:"retention_text" maxLength:"500"`
			Version       int32  `json:"version"`
		}
	}) (*struct{ Body dataProtection }, error) {
		list, err := postgres.DataClasses(ctx, a.DB.Pool)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(list, func(c postgres.DataClass) bool { return c.Code == in.Code }) {
			return nil, fault.New(fault.Missing, "没有这类个人数据")
		}
		b := in.Body
		wrong := map[string]string{}
		for field, text := range map[string]string{"purpose": b.Purpose, "legal_basis": b.LegalBasis, "content": b.Content} {
			if strings.TrimSpace(text) == "" {
				wrong[field] = "不能为空"
			}
		}
		if len(wrong) > 0 {
			f := fault.New(fault.Invalid, "内容、目的、法律依据都要写明")
			f.Fields = wrong
			return nil, f
		}
		c := postgres.DataClass{Code: in.Code, Content: b.Content, Purpose: b.Purpose, LegalBasis: b.LegalBasis, Recipients: b.Recipients, RetentionDays: b.RetentionDays, RetentionText: b.RetentionText, Version: b.Version}
		if err := postgres.UpdateDataClass(ctx, a.DB.Pool, c, a.Clock(), who.Account, who.Name); err != nil {
			return nil, err
		}
		if err := a.audit(ctx, a.DB.Pool, who, "data_class.changed", in.Code, map[string]any{"purpose": b.Purpose, "legal_basis": b.LegalBasis}); err != nil {
			return nil, err
		}
		out, err := a.protection(ctx, who)
		return &struct{ Body dataProtection }{out}, err
	})

	route(a, http.MethodGet, "/me/data", "What is held about the caller, why and for how long, and who looked", person, func(ctx context.Context, who access.Session, _ *struct{}) (*struct{ Body myData }, error) {
		home, err := a.myself(ctx, who)
		if err != nil {
			return nil, err
		}
		out := myData{Worker: leaderRef{home.ID, home.Name}}
		if out.Controller, err = postgres.ReadDataController(ctx, a.DB.Pool); err != nil {
			return nil, err
		}
		classes, err := a.classes(ctx)
		if err != nil {
			return nil, err
		}
		held, err := postgres.HeldAbout(ctx, a.DB.Pool, home.Region, home.ID)
		if err != nil {
			return nil, err
		}
		for _, c := range classes {
			row := dataClass{DataClass: c}
			for i := range held {
				if held[i].Code == c.Code {
					row.Held = &held[i]
				}
			}
			out.Classes = append(out.Classes, row)
		}
		if out.Looks, err = postgres.AccessRecords(ctx, a.DB.Pool, postgres.AccessFilter{Worker: &home.ID, Limit: 20}); err != nil {
			return nil, err
		}
		if out.Exports, err = postgres.ExportsWith(ctx, a.DB.Pool, home.ID); err != nil {
			return nil, err
		}
		out.Runs, err = postgres.RetentionRuns(ctx, a.DB.Pool, "", nil, 10)
		return &struct{ Body myData }{out}, err
	})

	// A file that grows while it is read is net/http's work: described here and served beside huma.
	a.routes = append(a.routes, Route{http.MethodGet, "/api/v1/me/data/export", person.word})
	mux.HandleFunc("GET /api/v1/me/data/export", a.serveMyData)
	a.huma.OpenAPI().AddOperation(&huma.Operation{
		Method: http.MethodGet, Path: "/api/v1/me/data/export", OperationID: "get-me-data-export", Summary: "Everything that is held about the caller, as a zip of JSON and CSV",
		Description: "Needs: person.", Security: []map[string][]string{{"session": {}}},
		Responses: map[string]*huma.Response{"200": {Description: "The file", Content: map[string]*huma.MediaType{"application/zip": {}}}},
	})
}

func (a *API) protection(ctx context.Context, who access.Session) (out dataProtection, err error) {
	out.MayEdit = who.Has(access.ManageRules)
	if out.Controller, err = postgres.ReadDataController(ctx, a.DB.Pool); err != nil {
		return out, err
	}
	if out.Classes, err = a.classes(ctx); err != nil {
		return out, err
	}
	out.Runs, err = postgres.RetentionRuns(ctx, a.DB.Pool, "", nil, 50)
	return out, err
}

func (a *API) serveMyData(w http.ResponseWriter, r *http.Request) {
	ctx := context.WithValue(r.Context(), requestKey{}, r)
	who, err := a.admit(ctx, person)
	var home postgres.WorkerHome
	if err == nil {
		home, err = a.myself(ctx, who)
	}
	var records []postgres.MyFile
	if err == nil {
		records, err = postgres.MyRecords(ctx, a.DB.Pool, home.ID)
	}
	if err == nil {
		err = a.audit(ctx, a.DB.Pool, who, "my_data.exported", strconv.FormatInt(home.ID, 10), nil)
	}
	if err != nil {
		a.refuse(ctx, w, err)
		return
	}
	now := a.Clock()
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="my-data-`+now.In(today(now).Location()).Format("20060102-1504")+`.zip"`)
	w.Header().Set("Cache-Control", "no-store")
	if err := a.writeMyData(ctx, w, home, records, now); err != nil {
		// The file's head is out: cut it short, so that nobody takes it for whole.
		a.Log.WarnContext(ctx, "a worker's own data broke off", "err", err)
		panic(http.ErrAbortHandler)
	}
}

const readMe = `个人数据导出
姓名：%s
导出时间：%s（Asia/Shanghai，UTC+8）
坐标：WGS-84（EPSG:4326，与 CGCS2000 EPSG:4490 在厘米内一致），先经度后纬度
时间：均为 RFC 3339，UTC；文件名中的日期为北京时间的自然日

%s
what-is-held.json           处理活动记录：保存什么、为什么、依据什么、保存多久
photos/                     本人拍摄的照片（受保护对象的除外，清单在 photos.json）
tracks/日期.csv             在岗期间的定位点

本文件只能由本人在登录后导出，导出已留痕。
`

func (a *API) writeMyData(ctx context.Context, w io.Writer, home postgres.WorkerHome, records []postgres.MyFile, now time.Time) error {
	z := zip.NewWriter(w)
	add := func(name string) (io.Writer, error) {
		return z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: now})
	}
	classes, err := a.classes(ctx)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, c := range classes {
		names[c.Code] = c.Name
	}
	var files strings.Builder
	for _, r := range records {
		fmt.Fprintf(&files, "%-27s %s，%d 条\n", r.Name+".json", names[r.Class], len(r.Rows))
	}
	f, err := add("README.txt")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(f, "\ufeff"+readMe, home.Name, localTime(now), files.String()); err != nil {
		return err
	}
	if err := writeJSON(add, "what-is-held.json", classes); err != nil {
		return err
	}
	for _, r := range records {
		if err := writeJSON(add, r.Name+".json", append([]json.RawMessage{}, r.Rows...)); err != nil {
			return err
		}
	}
	if err := a.writeMyPhotos(ctx, add, home.ID); err != nil {
		return err
	}
	last := today(now)
	for back := a.keepTracks(); back >= 0; back-- {
		day := last.AddDate(0, 0, -back)
		fixes, err := postgres.DayFixes(ctx, a.DB.Pool, home.Region, home.ID, day, day.AddDate(0, 0, 1))
		if err != nil {
			return err
		}
		if len(fixes) == 0 {
			continue
		}
		if f, err = add("tracks/" + day.Format(time.DateOnly) + ".csv"); err != nil {
			return err
		}
		if err := writeFixes(f, fixes); err != nil {
			return err
		}
	}
	return z.Close()
}

func writeJSON(add func(string) (io.Writer, error), name string, v any) error {
	f, err := add(name)
	if err != nil {
		return err
	}
	e := json.NewEncoder(f)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// writeMyPhotos adds the photos that the worker took. One whose file is lost is left out: its line is in photos.json.
func (a *API) writeMyPhotos(ctx context.Context, add func(string) (io.Writer, error), worker int64) error {
	list, err := postgres.MyPhotos(ctx, a.DB.Pool, worker)
	if err != nil {
		return err
	}
	for _, p := range list {
		photo, err := a.Blob.Get([32]byte(p.SHA256))
		if err != nil {
			a.Log.WarnContext(ctx, "a photo is not there", "err", err)
			continue
		}
		_, ending, _ := strings.Cut(p.Mime, "/")
		f, err := add("photos/" + uuid.UUID(p.ID).String() + "." + ending)
		if err == nil {
			_, err = io.Copy(f, photo)
		}
		if shut := photo.Close(); err == nil {
			err = shut
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func writeFixes(w io.Writer, fixes []trail.Fix) error {
	c := csv.NewWriter(w)
	if err := c.Write([]string{"time_utc", "lon_wgs84", "lat_wgs84", "accuracy_m", "speed_ms", "course_deg", "flags"}); err != nil {
		return err
	}
	number := func(v float32) string {
		if math.IsNaN(float64(v)) {
			return ""
		}
		return strconv.FormatFloat(float64(v), 'f', -1, 32)
	}
	for _, x := range fixes {
		if err := c.Write([]string{time.UnixMilli(x.Ms).UTC().Format("2006-01-02T15:04:05.000Z"), strconv.FormatFloat(x.Point[0], 'f', 6, 64), strconv.FormatFloat(x.Point[1], 'f', 6, 64),
			number(x.Accuracy), number(x.Speed), number(x.Course), strings.Join(fleet.Flag(x.Flags).Words(), " ")}); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// keepTracks is for how many days personal tracks are kept.
func (a *API) keepTracks() int {
	if a.Keep.Track > 0 {
		return a.Keep.Track
	}
	return postgres.KeepDays
}
