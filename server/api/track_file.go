package api

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/geo/datum"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

var trackTypes = map[string]string{
	"gpx": "application/gpx+xml", "geojson": "application/geo+json", "csv": "text/csv; charset=utf-8", "xlsx": xlsxType,
}

const (
	zoneName   = "Asia/Shanghai (UTC+08:00)"
	bookFixes  = 200_000 // in a workbook at most
	mapFixes   = 500_000 // in a GeoJSON at most
	segmentGap = 120_000 // ms; a longer silence begins a new segment
)

// trackHead is what every file says of itself: the watermark.
type trackHead struct {
	id       uuid.UUID
	by       string
	at       time.Time
	purpose  string
	crs      string
	from, to time.Time
}

var crsWords = map[string]string{"EPSG:4326": "WGS 84（EPSG:4326）", "EPSG:4490": "CGCS2000（EPSG:4490）", "GCJ-02": "GCJ-02（火星坐标）", "BD-09": "BD-09（百度坐标）"}

func (h trackHead) note() string {
	return fmt.Sprintf("导出人：%s　导出时间：%s　事由：%s　坐标系：%s　时区：%s　编号：%s　内含个人行踪信息，仅限上述事由使用，不得外传", h.by, localTime(h.at), h.purpose, crsWords[h.crs], zoneName, h.id)
}

// place converts out of WGS-84, once, here. CGCS2000 is equal to it within centimetres.
func (h trackHead) place(p orb.Point) orb.Point {
	switch h.crs {
	case "GCJ-02":
		return datum.GCJ02(p)
	case "BD-09":
		return datum.BD09(p)
	}
	return p
}

// trackOf is one person's part of a file.
type trackOf struct {
	worker    int64
	name, org string
	fixes     []postgres.Tracked
}

func degrees(v float64) string { return strconv.FormatFloat(v, 'f', 6, 64) }

func plainFigure(v float32) string {
	if v != v {
		return ""
	}
	return strconv.FormatFloat(float64(v), 'f', -1, 32)
}

func localMs(ms int64) string {
	return time.UnixMilli(ms).In(incident.BusinessZone()).Format("2006-01-02 15:04:05.000")
}

// segments cuts a track where nothing was heard for long.
func segments(fixes []postgres.Tracked) [][]postgres.Tracked {
	var all [][]postgres.Tracked
	start := 0
	for i := 1; i <= len(fixes); i++ {
		if i == len(fixes) || fixes[i].Ms-fixes[i-1].Ms > segmentGap {
			all = append(all, fixes[start:i])
			start = i
		}
	}
	if len(fixes) == 0 {
		return nil
	}
	return all
}

// file returns what writes the file; what cannot be written is said before a byte is.
func (h trackHead) file(format string, n int, read func(int) (trackOf, error)) (func(io.Writer) error, error) {
	stored := func(i int) (trackOf, error) {
		t, err := read(i)
		for k := range t.fixes {
			t.fixes[k].Fix = t.fixes[k].Stored()
		}
		return t, err
	}
	switch format {
	case "gpx":
		return func(w io.Writer) error { return h.gpx(w, n, stored) }, nil
	case "csv":
		return func(w io.Writer) error { return h.csv(w, n, stored) }, nil
	}
	most := map[string]int{"xlsx": bookFixes, "geojson": mapFixes}[format]
	all, total := make([]trackOf, n), 0
	for i := range all {
		t, err := stored(i)
		if err != nil {
			return nil, err
		}
		if total += len(t.fixes); total > most {
			return nil, fault.New(fault.Invalid, "定位点超过 %d 个，请改用 CSV 或 GPX，或缩小范围", most)
		}
		all[i] = t
	}
	var b bytes.Buffer
	var err error
	if format == "xlsx" {
		err = h.xlsx(&b, all)
	} else {
		err = h.geojson(&b, all)
	}
	if err != nil {
		return nil, err
	}
	return func(w io.Writer) error { _, err := b.WriteTo(w); return err }, nil
}

func (h trackHead) columns() []string {
	return []string{"姓名", "组织机构", "时间（" + zoneName + "）", "经度（" + h.crs + "）", "纬度（" + h.crs + "）", "精度（米）", "速度（米/秒）", "方向（度）", "标记"}
}

func (h trackHead) csv(w io.Writer, n int, read func(int) (trackOf, error)) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(h.columns()); err != nil {
		return err
	}
	for i := range n {
		t, err := read(i)
		if err != nil {
			return err
		}
		for k := range t.fixes {
			f := &t.fixes[k]
			p := h.place(f.Point)
			if err := out.Write([]string{disarm(t.name), disarm(t.org), localMs(f.Ms), degrees(p[0]), degrees(p[1]), plainFigure(f.Accuracy), plainFigure(f.Speed), plainFigure(f.Course), strings.Join(fleet.Flag(f.Flags).Words(), " ")}); err != nil {
				return err
			}
		}
	}
	if err := out.Write([]string{h.note()}); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

func (h trackHead) xlsx(w io.Writer, all []trackOf) error {
	about := sheet{name: "说明", head: []string{"项目", "内容"}, rows: [][]any{
		{"导出人", h.by}, {"导出时间", localTime(h.at)}, {"事由", h.purpose}, {"坐标系", crsWords[h.crs]}, {"时区", zoneName},
		{"开始", localTime(h.from)}, {"结束", localTime(h.to)}, {"编号", h.id.String()}, {"提示", "内含个人行踪信息，仅限上述事由使用，不得外传"}}}
	points := sheet{name: "轨迹", head: h.columns()}
	number := func(v float32) any {
		if v != v {
			return ""
		}
		n, _ := strconv.ParseFloat(plainFigure(v), 64)
		return n
	}
	round := func(v float64) float64 { n, _ := strconv.ParseFloat(degrees(v), 64); return n }
	for _, t := range all {
		for k := range t.fixes {
			f := &t.fixes[k]
			p := h.place(f.Point)
			points.rows = append(points.rows, []any{t.name, t.org, localMs(f.Ms), round(p[0]), round(p[1]), number(f.Accuracy), number(f.Speed), number(f.Course), strings.Join(fleet.Flag(f.Flags).Words(), " ")})
		}
	}
	return writeBook(w, []sheet{about, points}, exported{by: h.by, at: h.at})
}

func (h trackHead) gpx(w io.Writer, n int, read func(int) (trackOf, error)) error {
	out := bufio.NewWriter(w)
	text := func(s string) string {
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(s)) // a Builder never fails
		return b.String()
	}
	utc := func(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
	fmt.Fprintf(out, `<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="Gridward" xmlns="http://www.topografix.com/GPX/1/1" xmlns:g="urn:gridward:track:1">
<metadata><name>%s</name><desc>%s　本文件中的时间为 UTC</desc><author><name>%s</name></author><time>%s</time></metadata>
`, text("轨迹 "+localTime(h.from)+" — "+localTime(h.to)), text(h.note()), text(h.by), utc(h.at.UnixMilli()))
	for i := range n {
		t, err := read(i)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "<trk><name>%s</name><desc>%s</desc>\n", text(t.name), text(t.org))
		for _, part := range segments(t.fixes) {
			fmt.Fprint(out, "<trkseg>\n")
			for k := range part {
				f := &part[k]
				p := h.place(f.Point)
				fmt.Fprintf(out, `<trkpt lat="%s" lon="%s"><time>%s</time><extensions>`, degrees(p[1]), degrees(p[0]), utc(f.Ms))
				for _, x := range [][2]string{{"accuracy", plainFigure(f.Accuracy)}, {"speed", plainFigure(f.Speed)}, {"course", plainFigure(f.Course)}, {"flags", strings.Join(fleet.Flag(f.Flags).Words(), " ")}} {
					if x[1] != "" {
						fmt.Fprintf(out, "<g:%s>%s</g:%[1]s>", x[0], x[1])
					}
				}
				fmt.Fprint(out, "</extensions></trkpt>\n")
			}
			fmt.Fprint(out, "</trkseg>\n")
		}
		fmt.Fprint(out, "</trk>\n")
	}
	fmt.Fprint(out, "</gpx>\n")
	return out.Flush()
}

func (h trackHead) geojson(w io.Writer, all []trackOf) error {
	type geometry struct {
		Type        string           `json:"type"`
		Coordinates [][][]json.Token `json:"coordinates"`
	}
	type feature struct {
		Type       string         `json:"type"`
		Geometry   geometry       `json:"geometry"`
		Properties map[string]any `json:"properties"`
	}
	name := map[string]string{"EPSG:4326": "urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4490": "urn:ogc:def:crs:EPSG::4490"}[h.crs]
	if name == "" {
		name = h.crs
	}
	features := make([]feature, 0, len(all))
	for _, t := range all {
		f := feature{"Feature", geometry{"MultiLineString", [][][]json.Token{}}, map[string]any{"worker": t.worker, "name": t.name, "org_name": t.org}}
		times, accuracy, flags := [][]string{}, [][]any{}, [][]string{}
		for _, part := range segments(t.fixes) {
			if len(part) == 1 { // a line has two ends
				part = append(part[:1:1], part[0])
			}
			var line [][]json.Token
			var at, marks []string
			var sure []any
			for k := range part {
				p := h.place(part[k].Point)
				line = append(line, []json.Token{json.Number(degrees(p[0])), json.Number(degrees(p[1]))})
				at = append(at, time.UnixMilli(part[k].Ms).In(incident.BusinessZone()).Format("2006-01-02T15:04:05.000Z07:00"))
				marks = append(marks, strings.Join(fleet.Flag(part[k].Flags).Words(), " "))
				if a := plainFigure(part[k].Accuracy); a != "" {
					sure = append(sure, json.Number(a))
				} else {
					sure = append(sure, nil)
				}
			}
			f.Geometry.Coordinates = append(f.Geometry.Coordinates, line)
			times, accuracy, flags = append(times, at), append(accuracy, sure), append(flags, marks)
		}
		f.Properties["times"], f.Properties["accuracy_m"], f.Properties["flags"] = times, accuracy, flags
		features = append(features, f)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(map[string]any{
		"type": "FeatureCollection", "crs": map[string]any{"type": "name", "properties": map[string]string{"name": name}}, "features": features,
		"gridward": map[string]any{"note": h.note(), "exported_by": h.by, "exported_at": h.at.UTC(), "purpose": h.purpose, "crs": h.crs, "axis_order": "lon,lat", "time_zone": "Asia/Shanghai", "id": h.id, "from": h.from.UTC(), "to": h.to.UTC()},
	})
}
