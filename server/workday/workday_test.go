package workday_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/workday"
)

func office() workday.Plan {
	return workday.Plan{Weekdays: []int{1, 2, 3, 4, 5}, Periods: []workday.Period{{From: "08:30", To: "12:00"}, {From: "13:30", To: "17:00"}}, Holidays: true}
}

func bundled(t testing.TB) []workday.List {
	t.Helper()
	lists, err := workday.Bundled()
	if err != nil {
		t.Fatal(err)
	}
	return lists
}

func made(t testing.TB, p workday.Plan, lists ...workday.List) *workday.Calendar {
	t.Helper()
	c, err := workday.New(p, workday.NewLists(lists...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func at(t testing.TB, s string) time.Time {
	t.Helper()
	out, err := time.ParseInLocation("2006-01-02 15:04", s, workday.Zone())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func wd(n int) workday.Limit { return workday.Limit{N: n, Unit: workday.Days} }
func wh(n int) workday.Limit { return workday.Limit{N: n, Unit: workday.Work} }
func nat(n int) workday.Limit {
	return workday.Limit{N: n, Unit: workday.Plain}
}

var today = workday.Limit{Unit: workday.SameDay}

// The vectors of the published list of 2026.
func TestDeadlinesAcrossTheHolidaysOf2026(t *testing.T) {
	t.Parallel()
	c := made(t, office(), bundled(t)...)
	for _, v := range []struct {
		sentence, start, today, one, three, five, yellow string
		minutes                                          int
	}{
		{"before 春节: the Saturday of 02-14 is worked", "2026-02-13 10:00", "2026-02-13 17:00", "2026-02-14 17:00", "2026-02-25 17:00", "2026-02-27 17:00", "2026-02-25 10:12", 1590},
		{"received in the middle of 春节", "2026-02-18 09:00", "2026-02-24 17:00", "2026-02-25 17:00", "2026-02-27 17:00", "2026-03-02 17:00", "2026-02-27 09:54", 1680},
		{"at the closing hour before 国庆: the next working day receives it", "2026-09-30 17:00", "2026-10-08 17:00", "2026-10-09 17:00", "2026-10-12 17:00", "2026-10-14 17:00", "2026-10-12 09:54", 1680},
		{"the Saturday after 劳动节 is worked", "2026-05-08 16:00", "2026-05-08 17:00", "2026-05-09 17:00", "2026-05-12 17:00", "2026-05-14 17:00", "2026-05-12 11:06", 1320},
	} {
		start := at(t, v.start)
		for _, want := range []struct {
			limit workday.Limit
			due   string
		}{{today, v.today}, {wd(1), v.one}, {wd(3), v.three}, {wd(5), v.five}} {
			if got := c.Due(start, want.limit, .2); !got.At.Equal(at(t, want.due)) || got.Provisional {
				t.Errorf("%s: %s + %s is %s (provisional %v), want %s", v.sentence, v.start, want.limit, got.At.In(workday.Zone()), got.Provisional, want.due)
			}
		}
		if got := c.Due(start, wd(3), .2); !got.WarnAt.Equal(at(t, v.yellow)) || got.Minutes != v.minutes {
			t.Errorf("%s: yellow at %s of %d minutes, want %s of %d", v.sentence, got.WarnAt.In(workday.Zone()), got.Minutes, v.yellow, v.minutes)
		}
	}
}

func TestWorkingDaysOfTheWeeksOf2026(t *testing.T) {
	t.Parallel()
	c := made(t, office(), bundled(t)...)
	want := map[int]int{8: 0, 19: 4, 38: 6}
	for monday := workday.Date(2026, time.January, 5); monday.Year() == 2026; monday += 7 {
		_, week := monday.Start().ISOWeek()
		days := c.Days(monday, monday+6)
		if n, listed := want[week]; listed && days != n {
			t.Errorf("week %d has %d working days, want %d", week, days, n)
		}
		if quota := min(3, (3*days+4)/5); week == 8 && quota != 0 || week == 38 && quota != 3 {
			t.Errorf("week %d: quota %d", week, quota)
		}
	}
	for year, days := range map[int]int{2024: 251, 2025: 248, 2026: 248} {
		if got := c.Days(workday.Date(year, 1, 1), workday.Date(year, 12, 31)); got != days {
			t.Errorf("%d has %d working days, want %d", year, got, days)
		}
	}
}

// The list of 2027, as it might be announced.
const of2027 = `{"year": 2027, "papers": ["https://www.gov.cn/example"], "days": [
 {"name": "元旦", "date": "2027-01-01", "isOffDay": true}, {"name": "元旦", "date": "2027-01-02", "isOffDay": true}, {"name": "元旦", "date": "2027-01-03", "isOffDay": true}]}`

func TestANotAnnouncedYearIsProvisionalUntilItsListIsThere(t *testing.T) {
	t.Parallel()
	start := at(t, "2026-12-31 10:00")
	before := made(t, office(), bundled(t)...)
	if got := before.Due(start, wd(1), .2); !got.Provisional || !got.At.Equal(at(t, "2027-01-01 17:00")) {
		t.Errorf("without the list: %s, provisional %v", got.At.In(workday.Zone()), got.Provisional)
	}
	list, err := workday.ParseJSON([]byte(of2027))
	if err != nil {
		t.Fatal(err)
	}
	after := made(t, office(), append(bundled(t), list)...)
	if got := after.Due(start, wd(1), .2); got.Provisional || !got.At.Equal(at(t, "2027-01-04 17:00")) {
		t.Errorf("with the list: %s, provisional %v", got.At.In(workday.Zone()), got.Provisional)
	}
	list.Status = workday.Provisional
	guess := made(t, office(), append(bundled(t), list)...)
	if got := guess.Due(start, wd(1), .2); !got.Provisional || !got.At.Equal(at(t, "2027-01-04 17:00")) {
		t.Errorf("with a guess: %s, provisional %v", got.At.In(workday.Zone()), got.Provisional)
	}
	for sentence, c := range map[string]struct {
		start string
		limit workday.Limit
		plan  workday.Plan
		want  bool
	}{
		"the last day of the last announced year is sure": {"2026-12-30 10:00", wd(1), office(), false},
		"当天 of the last announced day is sure":            {"2026-12-31 16:59", today, office(), false},
		"received after its closing hour it is not":       {"2026-12-31 17:00", today, office(), true},
		"working time that ends this year is sure":        {"2026-12-31 10:00", wh(120), office(), false},
		"working time that runs into the next is not":     {"2026-12-31 16:00", wh(120), office(), true},
		"plain time needs no list":                        {"2026-12-31 23:00", nat(120), office(), false},
		"a room that never closes needs no list":          {"2026-12-31 10:00", wd(3), workday.Plan{RoundTheClock: true}, false},
		"a window that ignores holidays needs no list":    {"2026-12-31 10:00", wd(3), workday.Plan{Weekdays: []int{1, 2, 3, 4, 5, 6, 7}, Periods: office().Periods}, false},
		"a day that the calendar itself decides needs none": {"2026-12-31 10:00", wd(1), func() workday.Plan {
			p := office()
			p.Days = []workday.Special{{Date: workday.Date(2027, 1, 1), Work: true}}
			return p
		}(), false},
		"before the first list is the past": {"2019-12-31 10:00", wd(1), office(), false},
	} {
		if got := made(t, c.plan, bundled(t)...).Due(at(t, c.start), c.limit, .2); got.Provisional != c.want {
			t.Errorf("%s: provisional %v, due %s", sentence, got.Provisional, got.At.In(workday.Zone()))
		}
	}
}

func TestLimitsInTheirFourUnits(t *testing.T) {
	t.Parallel()
	summer := office()
	summer.Seasons = []workday.Season{{Name: "夏季", From: "07-01", To: "09-30", Periods: []workday.Period{{From: "08:30", To: "12:00"}, {From: "14:00", To: "17:30"}}}}
	winter := office()
	winter.Seasons = []workday.Season{{Name: "冬季", From: "12-01", To: "02-28", Periods: []workday.Period{{From: "09:00", To: "12:00"}, {From: "13:00", To: "16:00"}}}}
	night := workday.Plan{Weekdays: []int{1, 2, 3, 4, 5, 6, 7}, Periods: []workday.Period{{From: "20:00", To: "06:00"}}}
	saturday := office()
	saturday.Weekdays = append(saturday.Weekdays, 6)
	saturday.ByWeekday = map[int][]workday.Period{6: {{From: "09:00", To: "11:30"}}}
	own := office()
	own.Days = []workday.Special{{Date: workday.Date(2026, 3, 10), Name: "内部培训"}, {Date: workday.Date(2026, 3, 15), Work: true, Periods: []workday.Period{{From: "09:00", To: "10:00"}}}}
	always := workday.Plan{RoundTheClock: true}
	for sentence, v := range map[string]struct {
		plan       workday.Plan
		start      string
		limit      workday.Limit
		due, yello string
	}{
		"two working hours end at noon, not after lunch":           {office(), "2026-03-09 10:00", wh(120), "2026-03-09 12:00", "2026-03-09 11:36"},
		"one minute more ends after lunch":                         {office(), "2026-03-09 10:00", wh(121), "2026-03-09 13:31", "2026-03-09 11:36"},
		"working time received at lunch begins after it":           {office(), "2026-03-09 12:30", wh(60), "2026-03-09 14:30", "2026-03-09 14:18"},
		"working time over a weekend":                              {office(), "2026-03-06 16:00", wh(120), "2026-03-09 09:30", "2026-03-09 09:06"},
		"working time received at night":                           {office(), "2026-03-09 23:59", wh(30), "2026-03-10 09:00", "2026-03-10 08:54"},
		"plain time runs through the night":                        {office(), "2026-03-06 23:30", nat(90), "2026-03-07 01:00", "2026-03-07 00:42"},
		"five minutes are five minutes":                            {office(), "2026-02-18 03:00", nat(5), "2026-02-18 03:05", "2026-02-18 03:04"},
		"before opening it is still that day":                      {office(), "2026-03-09 00:00", today, "2026-03-09 17:00", "2026-03-09 15:36"},
		"a minute before closing it is still that day":             {office(), "2026-03-09 16:59", wd(1), "2026-03-10 17:00", "2026-03-10 15:35"},
		"在夏季 the closing hour is half past five":                   {summer, "2026-07-01 17:10", today, "2026-07-01 17:30", "2026-07-01 17:26"},
		"a limit out of the season ends at the other closing hour": {summer, "2026-09-29 10:00", wd(2), "2026-10-08 17:00", "2026-10-08 11:36"},
		"a limit into the season as well":                          {summer, "2026-06-30 10:00", wd(1), "2026-07-01 17:30", "2026-07-01 15:00"},
		"working time across the change of season":                 {summer, "2026-06-30 16:30", wh(300), "2026-07-01 15:00", "2026-07-01 12:00"},
		"a season over New Year holds in January":                  {winter, "2026-01-15 09:00", today, "2026-01-15 16:00", "2026-01-15 14:48"},
		"and in December":                                          {winter, "2026-12-15 09:00", today, "2026-12-15 16:00", "2026-12-15 14:48"},
		"a Saturday with hours of its own":                         {saturday, "2026-03-07 10:00", today, "2026-03-07 11:30", "2026-03-07 11:12"},
		"a Saturday worked by 调休 has those of a Saturday there":    {saturday, "2026-02-14 09:00", today, "2026-02-14 11:30", "2026-02-14 11:00"},
		"a room that never closes: 当天 ends at midnight":            {always, "2026-02-18 09:00", today, "2026-02-19 00:00", "2026-02-18 21:00"},
		"a room that never closes: working time is plain time":     {always, "2026-02-18 23:00", wh(120), "2026-02-19 01:00", "2026-02-19 00:36"},
		"a room that never closes: holidays count":                 {always, "2026-02-18 09:00", wd(1), "2026-02-20 00:00", "2026-02-19 16:12"},
		"a night shift belongs to the day on which it begins":      {night, "2026-03-10 03:00", today, "2026-03-10 06:00", "2026-03-10 05:24"},
		"by day the night to come receives it":                     {night, "2026-03-10 12:00", today, "2026-03-11 06:00", "2026-03-11 04:00"},
		"the next working day of a night shift":                    {night, "2026-03-10 03:00", wd(1), "2026-03-11 06:00", "2026-03-11 03:24"},
		"working time across midnight":                             {night, "2026-03-10 23:00", wh(120), "2026-03-11 01:00", "2026-03-11 00:36"},
		"working time from one night to the next":                  {night, "2026-03-10 05:00", wh(120), "2026-03-10 21:00", "2026-03-10 20:36"},
		"a day off of one's own":                                   {own, "2026-03-09 10:00", wd(1), "2026-03-11 17:00", "2026-03-11 14:30"},
		"a Sunday of one's own, with an hour":                      {own, "2026-03-13 10:00", wd(1), "2026-03-15 10:00", "2026-03-13 16:42"},
		"zero of the unit 当天 says nothing: three is the same":      {office(), "2026-03-09 10:00", workday.Limit{N: 3, Unit: workday.SameDay}, "2026-03-09 17:00", "2026-03-09 15:54"},
	} {
		got := made(t, v.plan, bundled(t)...).Due(at(t, v.start), v.limit, .2)
		if !got.At.Equal(at(t, v.due)) || !got.WarnAt.Truncate(time.Minute).Equal(at(t, v.yello)) {
			t.Errorf("%s: %s + %s is due %s, yellow %s, want %s, %s", sentence, v.start, v.limit, got.At.In(workday.Zone()), got.WarnAt.In(workday.Zone()), v.due, v.yello)
		}
		if got.Effective.Before(got.Start) || got.WarnAt.Before(got.Effective) || got.At.Before(got.WarnAt) {
			t.Errorf("%s: out of order: %+v", sentence, got)
		}
	}
}

func TestWhatIsNoCalendar(t *testing.T) {
	t.Parallel()
	with := func(change func(*workday.Plan)) workday.Plan { p := office(); change(&p); return p }
	for sentence, v := range map[string]struct {
		plan  workday.Plan
		field string
	}{
		"no working day":     {with(func(p *workday.Plan) { p.Weekdays = nil }), "weekdays"},
		"an eighth day":      {with(func(p *workday.Plan) { p.Weekdays = []int{8} }), "weekdays"},
		"no hours":           {with(func(p *workday.Plan) { p.Periods = nil }), "periods"},
		"25 o'clock":         {with(func(p *workday.Plan) { p.Periods = []workday.Period{{From: "08:00", To: "25:00"}} }), "periods"},
		"hours that overlap": {with(func(p *workday.Plan) { p.Periods[1].From = "11:00" }), "periods"},
		"a night that overlaps the next day": {with(func(p *workday.Plan) {
			p.Periods = []workday.Period{{From: "08:00", To: "12:00"}, {From: "20:00", To: "09:00"}}
		}), "periods"},
		"hours on a day that is not worked": {with(func(p *workday.Plan) { p.ByWeekday = map[int][]workday.Period{7: p.Periods} }), "by_weekday.7"},
		"a season on the 31st of April":     {with(func(p *workday.Plan) { p.Seasons = []workday.Season{{From: "04-31", To: "05-01", Periods: p.Periods}} }), "seasons[0].from"},
		"seasons that overlap": {with(func(p *workday.Plan) {
			p.Seasons = []workday.Season{{Name: "夏", From: "06-01", To: "09-30", Periods: p.Periods}, {Name: "秋", From: "09-30", To: "11-30", Periods: p.Periods}}
		}), "seasons[1].from"},
		"a season without hours": {with(func(p *workday.Plan) { p.Seasons = []workday.Season{{From: "06-01", To: "09-30"}} }), "seasons[0].periods"},
		"a day twice":            {with(func(p *workday.Plan) { p.Days = []workday.Special{{Date: 1}, {Date: 1, Work: true}} }), "days[1].date"},
		"hours on a day off":     {with(func(p *workday.Plan) { p.Days = []workday.Special{{Date: 1, Periods: p.Periods}} }), "days[0].periods"},
	} {
		_, err := workday.New(v.plan, nil)
		f, ok := err.(*fault.Fault)
		if !ok || f.Fields[v.field] == "" {
			t.Errorf("%s: %v", sentence, err)
		}
	}
	for _, l := range []workday.Limit{{}, {N: 0, Unit: workday.Days}, {N: -1, Unit: workday.Plain}, {N: 5, Unit: "d"}, {N: 3000, Unit: workday.Days}, {N: -1, Unit: workday.SameDay}} {
		if err := l.Check(); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", l, err)
		}
	}
	for text, l := range map[string]workday.Limit{"当天": today, "3 工作日": wd(3), "2 工作时": wh(120), "1.5 工作时": wh(90), "30 工作分钟": wh(30), "5 分钟": nat(5), "24 小时": nat(1440)} {
		if l.String() != text {
			t.Errorf("%+v is %q, want %q", l, l.String(), text)
		}
	}
}

func TestListsAreReadInEveryForm(t *testing.T) {
	t.Parallel()
	json2027, err := workday.ParseJSON([]byte(of2027))
	if err != nil || json2027.Source != "https://www.gov.cn/example" {
		t.Fatal(err, json2027)
	}
	for sentence, text := range map[string]string{
		"a table as we write it":    "日期,名称,类型\n2027-01-01,元旦,休\n2027-01-02,元旦,休\n2027-01-03,元旦,休\n",
		"with the BOM of Excel":     "\ufeff日期,类型,名称\r\n2027/1/1,放假,元旦\r\n2027/1/2,放假,元旦\r\n2027/1/3,放假,元旦\r\n",
		"with a column of booleans": "date,isOffDay,name\n20270101,true,元旦\n20270102,1,元旦\n20270103,是,元旦\n",
		"every day of the year":     "date,is_working_day,kind,name\n2027-01-01,0,holiday,元旦\n2027-01-02,0,holiday,元旦\n2027-01-03,0,holiday,元旦\n2027-01-05,1,weekday,\n2027-01-09,0,weekend,\n",
		"with an empty line above":  "\n\n日期,名称,类型\n2027年1月1日,元旦,休\n46389,元旦,休\n46390,元旦,休\n",
	} {
		got, err := workday.ParseCSV([]byte(text), 0)
		if err != nil {
			t.Errorf("%s: %v", sentence, err)
			continue
		}
		if got.Year != 2027 || len(got.Days) != 3 || got.Days[2] != json2027.Days[2] || got.Days[0] != json2027.Days[0] {
			t.Errorf("%s: %+v", sentence, got)
		}
	}
	for sentence, v := range map[string]struct{ text, says string }{
		"no heading":                   {"2027-01-01,元旦,休\n", "第 1 行应为表头"},
		"an unknown word":              {"日期,类型\n2027-01-01,休\n2027-01-02,值班\n", "第 3 行：“值班”不是“休”或“班”"},
		"no date":                      {"日期,类型\n元旦,休\n", "第 2 行：“元旦”不是日期"},
		"another year":                 {"日期,类型\n2027-01-01,休\n2027-01-02,休\n2025-01-02,休\n", "第 4 行：2025-01-02 不在 2027 年"},
		"a day both off and worked":    {"日期,类型\n2027-01-01,休\n2027-01-01,班\n", "既是休息日又是上班日"},
		"nothing":                      {"", "空的"},
		"only a heading":               {"日期,类型\n", "可能还没有公布"},
		"a line below an empty one":    {"日期,类型\n\n2027-01-01,x\n", "第 3 行"},
		"a quote that is never closed": {"日期,类型\n\"2027-01-01,休\n", "CSV"},
		"GBK":                          {"\xc8\xd5\xc6\xda,a\n", "UTF-8"},
	} {
		if _, err := workday.ParseCSV([]byte(v.text), 0); err == nil || !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), v.says) {
			t.Errorf("%s: %v", sentence, err)
		}
	}
	for sentence, v := range map[string]struct{ text, says string }{
		"not announced yet":   {`{"year": 2027, "days": []}`, "还没有公布"},
		"cut off":             {"{\"year\": 2027,\n\"days\": [", "第 2 行"},
		"another shape":       {`[1]`, "结构"},
		"without isOffDay":    {`{"year": 2027, "days": [{"date": "2027-01-01"}]}`, "days[0]：没有 isOffDay"},
		"without a year":      {`{"days": [{"date": "2027-01-01", "isOffDay": true}]}`, "不在 0 年"},
		"of an unknown state": {`{"year": 2027, "status": "x", "days": [{"date": "2027-01-01", "isOffDay": true}]}`, "状态"},
	} {
		if _, err := workday.ParseJSON([]byte(v.text)); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), v.says) {
			t.Errorf("%s: %v", sentence, err)
		}
	}
	if doubts := json2027.Doubts(); len(doubts) != 2 {
		t.Errorf("a list of three days raises no doubt: %v", doubts)
	}
	for _, l := range bundled(t) {
		if d := l.Doubts(); len(d) != 0 || l.Status != workday.Published {
			t.Errorf("%d: %v %s", l.Year, d, l.Status)
		}
	}
	// the days before New Year belong to the announcement of the year after
	next, err := workday.ParseJSON([]byte(`{"year": 2027, "days": [{"date": "2026-12-31", "name": "元旦", "isOffDay": true}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if c := made(t, office(), append([]workday.List{next}, bundled(t)...)...); c.Working(workday.Date(2026, 12, 31)) {
		t.Error("the later announcement does not decide")
	}
}

func TestADayIsShownWithItsReason(t *testing.T) {
	t.Parallel()
	p := office()
	p.Days = []workday.Special{{Date: workday.Date(2026, 3, 10), Name: "内部培训"}}
	c := made(t, p, bundled(t)...)
	for date, want := range map[string]string{
		"2026-02-13": "weekday true 420 ", "2026-02-14": "makeup true 420 春节", "2026-02-17": "holiday false 0 春节", "2026-02-22": "holiday false 0 春节",
		"2026-03-08": "weekend false 0 ", "2026-03-10": "own false 0 内部培训", "2027-01-01": "weekday true 420  provisional",
	} {
		d, err := workday.ParseDay(date)
		if err != nil {
			t.Fatal(err)
		}
		v := c.View(d)
		got := fmt.Sprintf("%s %v %d %s", v.Kind, v.Working, v.Minutes, v.Name)
		if v.Provisional {
			got += " provisional"
		}
		if got != want || v.Date.String() != date {
			t.Errorf("%s is %q, want %q", date, got, want)
		}
	}
}
