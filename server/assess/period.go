package assess

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/gridward/gridward/server/fault"
)

// Kind is how long a period is.
type Kind string

const (
	Month     Kind = "month"
	Quarter   Kind = "quarter"
	WholeYear Kind = "year"
)

// State is where a period stands.
type State string

const (
	Opened    State = "open"      // 开放: marks and inspections are taken
	Computing State = "computing" // 试算: a draft is there, for those who assess
	Published State = "published" // 已公布
	Appealing State = "appealing" // 申诉中
	Locked    State = "locked"    // 已锁定: nothing changes any more
)

// Name is what the state is called.
func (s State) Name() string {
	return map[State]string{Opened: "已开启", Computing: "试算中", Published: "已公布", Appealing: "申诉中", Locked: "已锁定"}[s]
}

// Public reports whether the assessed see the scores.
func (s State) Public() bool { return s == Published || s == Appealing || s == Locked }

// Action is what is done to a period.
type Action string

const (
	Mark    Action = "mark"    // marks, points and findings
	Compute Action = "compute" // make a draft
	Publish Action = "publish"
	Appeal  Action = "appeal"
	Decide  Action = "decide"
	Adjust  Action = "adjust"
	Recheck Action = "recheck" // hold the published scores against today's data
	Lock    Action = "lock"
)

// life is the one table of what may follow what.
var life = []struct {
	from State
	do   Action
	to   State
}{
	{Opened, Mark, Opened}, {Opened, Compute, Computing},
	{Computing, Mark, Computing}, {Computing, Compute, Computing}, {Computing, Publish, Published},
	{Published, Appeal, Appealing}, {Published, Adjust, Published}, {Published, Recheck, Published}, {Published, Lock, Locked},
	{Appealing, Appeal, Appealing}, {Appealing, Decide, Appealing}, {Appealing, Adjust, Appealing}, {Appealing, Recheck, Appealing}, {Appealing, Lock, Locked},
}

// After is the state that the action leads to.
func (s State) After(do Action) (State, error) {
	for _, step := range life {
		if step.from == s && step.do == do {
			return step.to, nil
		}
	}
	return s, fault.New(fault.Conflict, "考核期%s，不能进行这项操作", s.Name())
}

// May lists what can be done in the state.
func (s State) May() (all []Action) {
	for _, step := range life {
		if step.from == s {
			all = append(all, step.do)
		}
	}
	return all
}

// Span is a period's stretch of time: 2026-10, 2026-Q3, 2026. To is not in it.
func Span(kind Kind, label string, zone *time.Location) (from, to time.Time, err error) {
	wrong := fault.New(fault.Invalid, "期间应为 2026-10（月）、2026-Q3（季）或 2026（年）").At("label")
	m := labels[kind]
	if m == nil {
		return from, to, wrong
	}
	found := m.FindStringSubmatch(label)
	if found == nil {
		return from, to, wrong
	}
	year, _ := strconv.Atoi(found[1])
	month, months := 1, map[Kind]int{Month: 1, Quarter: 3, WholeYear: 12}[kind]
	if len(found) > 2 {
		n, _ := strconv.Atoi(found[2])
		month = (n-1)*months + 1
	}
	if month < 1 || month > 12 {
		return from, to, wrong
	}
	from = time.Date(year, time.Month(month), 1, 0, 0, 0, 0, zone)
	return from.UTC(), from.AddDate(0, months, 0).UTC(), nil
}

var labels = map[Kind]*regexp.Regexp{
	Month: regexp.MustCompile(`^(20\d\d)-(0[1-9]|1[0-2])$`), Quarter: regexp.MustCompile(`^(20\d\d)-Q([1-4])$`), WholeYear: regexp.MustCompile(`^(20\d\d)$`),
}

// Title is a period in words: 2026年第三季度.
func Title(kind Kind, label string) string {
	switch kind {
	case Month:
		if len(label) == 7 {
			n, _ := strconv.Atoi(label[5:])
			return fmt.Sprintf("%s年%d月", label[:4], n)
		}
	case Quarter:
		if len(label) == 7 {
			return label[:4] + "年第" + map[byte]string{'1': "一", '2': "二", '3': "三", '4': "四"}[label[6]] + "季度"
		}
	case WholeYear:
		return label + "年度"
	}
	return label
}

// Quarters are the labels of the quarters of a year.
func Quarters(year string) []string {
	return []string{year + "-Q1", year + "-Q2", year + "-Q3", year + "-Q4"}
}

// Half reports whether something that was in force so long was so for half of
// the period or longer.
func Half(inForce time.Duration, from, to time.Time) bool { return 2*inForce >= to.Sub(from) }

// Sample draws k of the codes by lot (抽查). The same seed draws the same ones
// from the same list in any order, so that a drawing can be repeated and proved.
func Sample(seed string, codes []string, k int) []string {
	type lot struct {
		code string
		sum  [32]byte
	}
	lots := make([]lot, len(codes))
	for i, c := range codes {
		lots[i] = lot{c, sha256.Sum256([]byte(seed + "/" + c))}
	}
	slices.SortFunc(lots, func(a, b lot) int {
		return cmp.Or(slices.Compare(a.sum[:], b.sum[:]), cmp.Compare(a.code, b.code))
	})
	drawn := make([]string, 0, k)
	for _, l := range lots[:max(0, min(k, len(lots)))] {
		drawn = append(drawn, l.code)
	}
	return drawn
}

// Line is a score as it is published.
type Line struct {
	Level   Level  `json:"level"`
	Subject int64  `json:"subject"`
	Name    string `json:"name"`
	OrgPath string `json:"org_path"`
	Rank    int    `json:"rank"`
	Of      int    `json:"of"`
	Counted bool   `json:"counted"`
	Result  Result `json:"result"`
}

// Sheet is what is published: the snapshot, whose digest stands in the region's journal.
type Sheet struct {
	Region    int64      `json:"region"`
	Period    string     `json:"period"`
	Kind      Kind       `json:"kind"`
	From      time.Time  `json:"from"`
	To        time.Time  `json:"to"`
	Computed  time.Time  `json:"computed_at"`
	Templates []Template `json:"templates"`
	Lines     []Line     `json:"lines"`
}

// Seal writes a sheet down and digests it. The same scores in any order make the same digest.
func (s Sheet) Seal() (body []byte, digest string, err error) {
	s.Lines = slices.Clone(s.Lines)
	slices.SortFunc(s.Lines, func(a, b Line) int { return cmp.Or(cmp.Compare(a.Level, b.Level), cmp.Compare(a.Subject, b.Subject)) })
	s.Templates = slices.Clone(s.Templates)
	slices.SortFunc(s.Templates, func(a, b Template) int { return cmp.Compare(a.Level, b.Level) })
	if body, err = json.Marshal(s); err != nil {
		return nil, "", fmt.Errorf("write the sheet down: %w", err)
	}
	return body, Digest(body), nil
}

// Digest is the SHA-256 of a sheet as written down.
func Digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
