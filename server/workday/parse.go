package workday

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gridward/gridward/server/fault"
)

// mostDays bounds a list: a year has about forty days in it.
const mostDays = 200

// ParseJSON reads a list in the form that holiday-cn made common:
// {"year": 2027, "days": [{"date": "2027-01-01", "name": "元旦", "isOffDay": true}]}.
// "off" for "isOffDay", "status" and "source" are read as well.
func ParseJSON(data []byte) (List, error) {
	var file struct {
		Year   int      `json:"year"`
		Status Status   `json:"status"`
		Source string   `json:"source"`
		Papers []string `json:"papers"`
		Days   []struct {
			Date     string `json:"date"`
			Name     string `json:"name"`
			IsOffDay *bool  `json:"isOffDay"`
			Off      *bool  `json:"off"`
		} `json:"days"`
	}
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &file); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			line := 1 + bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
			return List{}, fault.Because(err, fault.Invalid, "第 %d 行不是正确的 JSON", line)
		}
		return List{}, fault.Because(err, fault.Invalid, "JSON 的结构不对，应为 {\"year\": 2027, \"days\": [{\"date\", \"name\", \"isOffDay\"}]}")
	}
	l := List{Year: file.Year, Status: file.Status, Source: file.Source}
	if l.Source == "" && len(file.Papers) > 0 {
		l.Source = strings.Join(file.Papers, " ")
	}
	read := reader{year: file.Year}
	for i, d := range file.Days {
		off := d.IsOffDay
		if off == nil {
			off = d.Off
		}
		where := fmt.Sprintf("days[%d]", i)
		if off == nil {
			read.fail(where, "没有 isOffDay")
			continue
		}
		read.day(where, d.Date, d.Name, *off)
	}
	return read.finish(l)
}

// ParseCSV reads a table in UTF-8 with a heading: see ParseTable. year 0 =
// the year most of its days are in.
func ParseCSV(data []byte, year int) (List, error) {
	if !utf8.Valid(data) {
		return List{}, fault.New(fault.Invalid, "文件不是 UTF-8 编码，请另存为“CSV UTF-8”")
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	r.FieldsPerRecord, r.TrimLeadingSpace = -1, true
	var rows [][]string
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var bad *csv.ParseError
			if errors.As(err, &bad) {
				return List{}, fault.Because(err, fault.Invalid, "第 %d 行不是正确的 CSV", bad.Line)
			}
			return List{}, fault.Because(err, fault.Invalid, "CSV 读不出来")
		}
		line, _ := r.FieldPos(0)
		for len(rows) < line-1 { // keep the numbers of the lines
			rows = append(rows, nil)
		}
		rows = append(rows, row)
	}
	return ParseTable(rows, year)
}

// headings by what they mean.
var headings = map[string]string{
	"date": "date", "日期": "date", "name": "name", "名称": "name", "节日": "name", "假期": "name", "说明": "name",
	"isoffday": "off", "off": "off", "休息": "off", "is_working_day": "work", "work": "work", "上班": "work",
	"kind": "kind", "type": "kind", "类型": "kind", "安排": "kind", "status": "status",
}

// kinds by the words people use. "" = an ordinary day, which is not listed.
var kinds = map[string]string{
	"休": "off", "放假": "off", "休息": "off", "节假日": "off", "off": "off", "holiday": "off",
	"班": "work", "上班": "work", "补班": "work", "调休": "work", "调休上班": "work", "work": "work", "makeup_workday": "work", "makeup": "work",
	"weekday": "", "weekend": "", "工作日": "", "周末": "",
}

// ParseTable reads rows under a heading: 日期/date and one of 类型/kind (休, 班),
// isOffDay (是, 否) or is_working_day; 名称/name if there is one. Errors name the line.
func ParseTable(rows [][]string, year int) (List, error) {
	start := slices.IndexFunc(rows, func(row []string) bool { return strings.TrimSpace(strings.Join(row, "")) != "" })
	if start < 0 {
		return List{}, fault.New(fault.Invalid, "表格是空的")
	}
	column := map[string]int{}
	for i, name := range rows[start] {
		if means := headings[strings.ToLower(strings.TrimSpace(name))]; means != "" {
			column[means] = i
		}
	}
	_, date := column["date"]
	_, kind := column["kind"]
	_, off := column["off"]
	_, work := column["work"]
	if !date || !kind && !off && !work {
		return List{}, fault.New(fault.Invalid, "第 %d 行应为表头，须有“日期”和“类型”（休/班）两列", start+1)
	}
	read := reader{year: year}
	type parsed struct {
		where, date, name string
		off               bool
	}
	var days []parsed
	count := map[int]int{}
	for i, row := range rows[start+1:] {
		cell := func(name string) string {
			if at, ok := column[name]; ok && at < len(row) {
				return strings.TrimSpace(row[at])
			}
			return ""
		}
		if strings.TrimSpace(strings.Join(row, "")) == "" {
			continue
		}
		p := parsed{where: fmt.Sprintf("第 %d 行", start+2+i), date: cell("date"), name: cell("name")}
		switch word := strings.ToLower(cell("kind")); {
		case kind:
			meaning, known := kinds[word]
			if !known {
				read.fail(p.where, "“%s”不是“休”或“班”", cell("kind"))
				continue
			}
			if meaning == "" {
				continue
			}
			p.off = meaning == "off"
		default:
			name := "off"
			if !off {
				name = "work"
			}
			yes, ok := yesNo(cell(name))
			if !ok {
				read.fail(p.where, "“%s”不是“是”或“否”", cell(name))
				continue
			}
			p.off = yes == off
		}
		if d, ok := anyDate(p.date); ok {
			count[d.Year()]++
		}
		days = append(days, p)
	}
	if read.year == 0 {
		for y, n := range count {
			if n > count[read.year] || n == count[read.year] && y > read.year {
				read.year = y
			}
		}
	}
	for _, p := range days {
		read.day(p.where, p.date, p.name, p.off)
	}
	return read.finish(List{Year: read.year})
}

func yesNo(s string) (yes, ok bool) {
	switch strings.ToLower(s) {
	case "1", "true", "yes", "是", "y":
		return true, true
	case "0", "false", "no", "否", "n":
		return false, true
	}
	return false, false
}

// anyDate reads the ways in which spreadsheets write a date, their serial
// numbers included.
func anyDate(s string) (Day, bool) {
	for _, form := range []string{time.DateOnly, "2006/1/2", "2006-1-2", "2006年1月2日", "20060102", "2006.1.2", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(form, s); err == nil {
			return Date(t.Date()), true
		}
	}
	if n, err := strconv.Atoi(s); err == nil && n > 30000 && n < 80000 {
		return Date(1899, time.December, 30) + Day(n), true
	}
	return 0, false
}

// reader collects days and what is wrong with them.
type reader struct {
	year  int
	days  []Holiday
	seen  map[Day]bool // off
	wrong []string
}

func (r *reader) fail(where, format string, args ...any) {
	r.wrong = append(r.wrong, where+"："+fmt.Sprintf(format, args...))
}

func (r *reader) day(where, date, name string, off bool) {
	d, ok := anyDate(strings.TrimSpace(date))
	if !ok {
		r.fail(where, "“%s”不是日期", date)
		return
	}
	if y := d.Year(); y != r.year && !(y == r.year-1 && d.monthDay() >= 1201) {
		r.fail(where, "%s 不在 %d 年", d, r.year)
		return
	}
	if known, twice := r.seen[d]; twice {
		if known != off {
			r.fail(where, "%s 既是休息日又是上班日", d)
		}
		return
	}
	name = strings.TrimSpace(name)
	if utf8.RuneCountInString(name) > 30 {
		r.fail(where, "名称太长")
		return
	}
	if r.seen == nil {
		r.seen = map[Day]bool{}
	}
	r.seen[d] = off
	r.days = append(r.days, Holiday{Date: d, Off: off, Name: name})
}

func (r *reader) finish(l List) (List, error) {
	if l.Status == "" {
		l.Status = Published
	}
	switch {
	case len(r.wrong) > 0:
		more := ""
		if n := len(r.wrong) - 5; n > 0 {
			r.wrong, more = r.wrong[:5], fmt.Sprintf("；另有 %d 处", n)
		}
		return List{}, fault.New(fault.Invalid, "%s%s", strings.Join(r.wrong, "；"), more)
	case len(r.days) == 0:
		return List{}, fault.New(fault.Invalid, "表中没有放假安排：这一年可能还没有公布")
	case l.Year < 1990 || l.Year > 2200:
		return List{}, fault.New(fault.Invalid, "没有年份，或者年份不对：%d", l.Year)
	case len(r.days) > mostDays:
		return List{}, fault.New(fault.Invalid, "一年的安排不会超过 %d 天，这里有 %d 天", mostDays, len(r.days))
	case l.Status != Published && l.Status != Provisional:
		return List{}, fault.New(fault.Invalid, "状态应为 published（已公布）或 provisional（预估）")
	}
	slices.SortFunc(r.days, func(a, b Holiday) int { return int(a.Date - b.Date) })
	l.Days = r.days
	return l, nil
}

// Doubts are what an importer should look at twice before a list is taken.
func (l List) Doubts() []string {
	var out []string
	off, work := 0, 0
	for _, h := range l.Days {
		switch {
		case h.Off:
			off++
		case h.Date.Weekday() < 6:
			out = append(out, fmt.Sprintf("%s 是星期%s，本来就上班", h.Date, []string{"", "一", "二", "三", "四", "五"}[h.Date.Weekday()]))
		default:
			work++
		}
	}
	if off < 20 {
		out = append(out, fmt.Sprintf("只有 %d 个放假日，往年在 26 天以上", off))
	}
	if work == 0 {
		out = append(out, "没有调休上班日")
	}
	return out
}
