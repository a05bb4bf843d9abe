package incident

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Alike is a case that may be the same as one about to be saved, or an old one
// that has come back.
type Alike struct {
	Incident   Incident `json:"incident"`
	DistanceM  float64  `json:"distance_m"`
	Age        string   `json:"age"`   // in words: 3 小时前
	AgeS       int64    `json:"age_s"` // since it was reported, or since it was closed
	Recurrence bool     `json:"recurrence"`
	Score      float64  `json:"score"` // 0 … 1
	Why        string   `json:"why"`
}

// Recurrence windows: within the first a closed case may be reopened as a
// child, within the second it is still shown as having come back.
const (
	ReopenDays     = 15
	RecurrenceDays = 30
)

// Near is a case near the place of a draft.
type Near struct {
	Incident  Incident
	DistanceM float64
}

// FindAlike ranks the cases near a draft by how likely they are the same
// matter: kind, words and distance count. Those that have nothing in common
// with it but the place are left out, and so is all that lies beyond radius.
func FindAlike(category, text string, near []Near, radius float64, now time.Time) []Alike {
	out := []Alike{}
	words := bigrams(text)
	for _, n := range near {
		if n.DistanceM > radius {
			continue
		}
		inc := n.Incident
		a := Alike{Incident: inc, DistanceM: math.Round(n.DistanceM)}
		var why []string
		since := inc.ReportedAt
		if inc.State.Over() {
			if inc.ClosedAt == nil {
				continue // rejected, void, merged: nothing that could come back
			}
			since, a.Recurrence = *inc.ClosedAt, true
			if now.Sub(since) > RecurrenceDays*24*time.Hour {
				continue
			}
		}
		age := max(now.Sub(since), 0)
		a.AgeS, a.Age = int64(age/time.Second), ago(age)
		kind := 0.0
		switch {
		case category == "" || inc.Category == "":
		case category == inc.Category:
			kind = 1
			why = append(why, "同一类别")
		case family(category) == family(inc.Category):
			kind = .4
			why = append(why, "同一大类")
		}
		said := overlap(words, bigrams(inc.Title+" "+inc.Description))
		if said >= .15 {
			why = append(why, fmt.Sprintf("描述相近 %.0f%%", said*100))
		}
		if kind < 1 && said < .15 {
			continue
		}
		why = append(why, fmt.Sprintf("相距 %.0f 米", a.DistanceM))
		if a.Recurrence {
			if age <= ReopenDays*24*time.Hour {
				why = append(why, fmt.Sprintf("%s结案，%d 日内可重开", a.Age, ReopenDays))
			} else {
				why = append(why, fmt.Sprintf("%s结案，疑似复发", a.Age))
			}
		}
		a.Why = strings.Join(why, "，")
		near := 1 - n.DistanceM/max(radius, 1)
		a.Score = math.Round((.35*kind+.4*said+.25*near)*1000) / 1000
		out = append(out, a)
	}
	slices.SortStableFunc(out, func(a, b Alike) int {
		if a.Recurrence != b.Recurrence { // what is open comes first
			if b.Recurrence {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.DistanceM, b.DistanceM), cmp.Compare(a.Incident.CaseNo, b.Incident.CaseNo))
	})
	return out
}

// Suggestion is a kind that a text may be about.
type Suggestion struct {
	Code  string  `json:"code"`
	Name  string  `json:"name"`
	Score float64 `json:"score"` // 0 … 1
	Why   string  `json:"why"`
}

// Past is an earlier case of the region, as far as a suggestion needs it.
type Past struct{ Category, Title string }

// Suggest names at most five kinds that a text may be about, the likeliest
// first, each with its reasons: words of the catalogue that it holds, and
// earlier cases that were worded alike.
func Suggest(text string, catalogue []CatalogueEntry, history []Past) []Suggestion {
	const most = 5
	text = strings.ToLower(text)
	words := bigrams(text)
	parents := map[string]bool{}
	for _, e := range catalogue {
		parents[e.Parent] = true
	}
	past, count := map[string]float64{}, map[string]int{}
	for _, h := range history {
		if like := overlap(words, bigrams(h.Title)); like >= .3 {
			past[h.Category] += like * like
			count[h.Category]++
		}
	}
	out := []Suggestion{}
	for _, e := range catalogue {
		if e.Retired || parents[e.Code] {
			continue
		}
		s := Suggestion{Code: e.Code, Name: e.Name}
		var why []string
		points := 0.0
		var said []string
		for _, word := range strings.Fields(strings.ToLower(e.Keywords)) {
			if strings.Contains(text, word) && !slices.ContainsFunc(said, func(longer string) bool { return strings.Contains(longer, word) }) {
				said = append(said, word)
				points += float64(min(len([]rune(word)), 4))
			}
		}
		if strings.Contains(text, strings.ToLower(e.Name)) {
			points += 4
			why = append(why, "提到“"+e.Name+"”")
		}
		if len(said) > 0 {
			why = append(why, "关键词："+strings.Join(said, "、"))
		}
		if n := count[e.Code]; n > 0 {
			points += 3 * min(past[e.Code], 2)
			why = append(why, fmt.Sprintf("%d 件相近的历史事件属此类", n))
		}
		if points == 0 {
			continue
		}
		s.Why = strings.Join(why, "；")
		s.Score = math.Round(points/(points+3)*1000) / 1000
		out = append(out, s)
	}
	slices.SortStableFunc(out, func(a, b Suggestion) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Code, b.Code))
	})
	return out[:min(most, len(out))]
}

// bigrams are the pairs of neighbouring characters of a text, punctuation and
// spaces apart: what Chinese words are compared by when nobody splits them.
func bigrams(text string) map[[2]rune]int {
	out := map[[2]rune]int{}
	var last rune
	for _, r := range strings.ToLower(text) {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			last = 0
			continue
		}
		if last != 0 {
			out[[2]rune{last, r}]++
		}
		last = r
	}
	return out
}

// overlap is how much of the shorter of two texts the other holds, softened
// by how much more the longer one says: between Dice and containment.
func overlap(a, b map[[2]rune]int) float64 {
	var both, inA, inB int
	for pair, n := range a {
		inA += n
		both += min(n, b[pair])
	}
	for _, n := range b {
		inB += n
	}
	if both == 0 {
		return 0
	}
	dice := 2 * float64(both) / float64(inA+inB)
	held := float64(both) / float64(min(inA, inB))
	return (dice + held) / 2
}

// family is the category above a kind: AQ of AQ-03.
func family(code string) string {
	head, _, _ := strings.Cut(code, "-")
	return head
}

// ago is an age in words.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "刚刚"
	case d < time.Hour:
		return fmt.Sprintf("%d 分钟前", d/time.Minute)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d 小时前", d/time.Hour)
	}
	return fmt.Sprintf("%d 天前", d/(24*time.Hour))
}
