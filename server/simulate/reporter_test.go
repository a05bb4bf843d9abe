package simulate

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/paulmach/orb"
)

func TestTextsHaveTheirWords(t *testing.T) {
	seven := []string{"综合治理", "公共安全", "经济管理", "农业管理", "城建管理", "党群文化", "社会事务"}
	seen := map[string]int{}
	slot := regexp.MustCompile(`\{([^}]*)\}`)
	for _, k := range kinds {
		seen[k.category]++
		if !slices.Contains(seven, k.category) {
			t.Errorf("%s: no category %q", k.title, k.category)
		}
		if !slices.ContainsFunc(often, func(o struct {
			urgency string
			share   float64
		}) bool {
			return o.urgency == k.urgency
		}) {
			t.Errorf("%s: no urgency %q", k.title, k.urgency)
		}
		for _, m := range slot.FindAllStringSubmatch(k.title+k.text, -1) {
			if len(slots[m[1]]) == 0 {
				t.Errorf("%s: no words for {%s}", k.title, m[1])
			}
		}
	}
	for _, c := range seven {
		if seen[c] < 5 {
			t.Errorf("%s has only %d texts", c, seen[c])
		}
	}
}

func TestIncidentsAreMostlyOrdinary(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	urgency, texts := map[string]int{}, map[string]bool{}
	const n = 20_000
	for range n {
		inc := NewIncident(rng, orb.Point{114.2, 22.69})
		urgency[inc.Urgency]++
		texts[inc.Description] = true
		if l := utf8.RuneCountInString(inc.Title); l < 4 || l > 40 {
			t.Fatalf("title %q", inc.Title)
		}
	}
	if urgency["critical"] == 0 || urgency["critical"] > n/50 || urgency["urgent"] > n/10 || urgency["normal"] < n/2 {
		t.Errorf("%v", urgency)
	}
	if len(texts) < n/4 {
		t.Errorf("only %d different texts in %d", len(texts), n)
	}
}
