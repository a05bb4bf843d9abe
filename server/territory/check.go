package territory

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/paulmach/orb"
)

// Finding is one thing that an import should know: an error refuses the whole
// import, a warning does not.
type Finding struct {
	Error  bool
	Code   string // of the grid, organisation or worker
	Where  string // "line 7", "feature 3"
	Reason string
}

func (f Finding) String() string {
	var b strings.Builder
	if f.Error {
		b.WriteString("error: ")
	} else {
		b.WriteString("warning: ")
	}
	if f.Where != "" {
		b.WriteString(f.Where + ": ")
	}
	if f.Code != "" && !strings.HasSuffix(f.Where, f.Code) {
		b.WriteString(f.Code + ": ")
	}
	return b.String() + f.Reason
}

// Report is what a check found.
type Report []Finding

// Refuse adds an error.
func (r *Report) Refuse(code, where, format string, args ...any) {
	*r = append(*r, Finding{true, code, where, fmt.Sprintf(format, args...)})
}

// Warn adds a warning.
func (r *Report) Warn(code, where, format string, args ...any) {
	*r = append(*r, Finding{false, code, where, fmt.Sprintf(format, args...)})
}

// Errors counts the findings that refuse the import.
func (r Report) Errors() int {
	n := 0
	for _, f := range r {
		if f.Error {
			n++
		}
	}
	return n
}

// Err is nil when nothing refuses the import, or names the first reason and how many there are.
func (r Report) Err() error {
	for _, f := range r {
		if f.Error {
			if n := r.Errors(); n > 1 {
				return fmt.Errorf("nothing was imported: %s (and %d more)", strings.TrimPrefix(f.String(), "error: "), n-1)
			}
			return fmt.Errorf("nothing was imported: %s", strings.TrimPrefix(f.String(), "error: "))
		}
	}
	return nil
}

// Households that a grid should have, by its setting.
const (
	RuralHouseholds = 150
	UrbanHouseholds = 300
)

// Check judges the grids of one import before any geometry engine sees them.
// kinds maps the codes of the living organisations to their kinds; region is
// the code that all codes must begin with. It fills in what a file may leave
// out: the organisation from the code, the setting from the organisation.
// Shapes are in WGS-84 by now.
func Check(grids []Grid, kinds map[string]string, region string) Report {
	var r Report
	seen := map[string]string{}
	if len(grids) == 0 {
		r.Refuse("", "", "the file holds no grid")
	}
	for i := range grids {
		g := &grids[i]
		if !digits(g.Code, gridDigits) {
			r.Refuse(g.Code, g.Where, "a grid's code has 15 digits, this has %q", g.Code)
			continue
		}
		if first, twice := seen[g.Code]; twice {
			r.Refuse(g.Code, g.Where, "the code is there twice: first in %s", first)
		}
		seen[g.Code] = g.Where
		if g.OrgCode == "" {
			g.OrgCode = CommunityCode(g.Code)
		}
		if !strings.HasPrefix(g.Code, region) {
			r.Refuse(g.Code, g.Where, "the code does not begin with the region's, %s", region)
		}
		kind, known := kinds[g.OrgCode]
		switch {
		case !strings.HasPrefix(g.Code, g.OrgCode):
			r.Refuse(g.Code, g.Where, "the code does not begin with its community's, %s", g.OrgCode)
		case !known:
			r.Refuse(g.Code, g.Where, "its community %s is unknown: import organisations first, or use -create-orgs", strings.TrimSpace(g.OrgCode+" "+g.OrgName))
		}
		if g.Name == "" {
			r.Refuse(g.Code, g.Where, "it has no name")
		}
		if g.Setting == "" && kind == "village" {
			g.Setting = "rural"
		} else if g.Setting == "" {
			g.Setting = "urban"
		}
		if g.Kind == "" {
			g.Kind = "base"
		}
		if g.Setting != "urban" && g.Setting != "rural" {
			r.Refuse(g.Code, g.Where, "setting is %q, not urban or rural", g.Setting)
		}
		if !slices.Contains([]string{"base", "exclusive", "unit"}, g.Kind) {
			r.Refuse(g.Code, g.Where, "kind is %q, not base, exclusive or unit", g.Kind)
		}
		if g.Households < 0 || g.Population < 0 || g.Households > math.MaxInt32 || g.Population > math.MaxInt32 {
			r.Refuse(g.Code, g.Where, "households and population cannot be %d and %d", g.Households, g.Population)
		}
		if reason := shapeFault(g.Shape); reason != "" {
			r.Refuse(g.Code, g.Where, "%s", reason)
		}
		standard := UrbanHouseholds
		if g.Setting == "rural" {
			standard = RuralHouseholds
		}
		if g.IsExecution && (g.Households*2 < standard || g.Households*2 > standard*3) {
			r.Warn(g.Code, g.Where, "%d households, more than half away from the %d of %s grids", g.Households, standard, g.Setting)
		}
	}
	return r
}

// shapeFault says what is wrong with a shape's rings, or "". Whether rings
// cross themselves or each other is for PostGIS to say.
func shapeFault(shape orb.MultiPolygon) string {
	if len(shape) == 0 {
		return "it has no polygon"
	}
	for i, polygon := range shape {
		if len(polygon) == 0 {
			return fmt.Sprintf("part %d has no ring", i+1)
		}
		for j, ring := range polygon {
			at := fmt.Sprintf("part %d ring %d", i+1, j+1)
			if len(ring) < 4 {
				return fmt.Sprintf("%s has %d points, a ring has at least four", at, len(ring))
			}
			if ring[0] != ring[len(ring)-1] {
				return at + " is not closed: its last point must be its first"
			}
			for k, p := range ring {
				if !inChina(p) {
					return fmt.Sprintf("%s point %d lies outside China, at %g,%g: is -crs right, and is longitude first?", at, k+1, p[0], p[1])
				}
			}
		}
	}
	return ""
}

// inChina is a generous box: a shape outside it was brought from the wrong
// system of coordinates, or has its axes exchanged.
func inChina(p orb.Point) bool { return p[0] > 72 && p[0] < 138 && p[1] > 1 && p[1] < 56 }

// CheckOrgs judges organisations before they are written: kinds, codes, that
// a parent is known and comes above. known maps the codes of living
// organisations to their kinds. It returns the rows parents first.
func CheckOrgs(orgs []Org, where []string, known map[string]string) ([]Org, Report) {
	var r Report
	rows := map[string]int{}
	for i, o := range orgs {
		if first, twice := rows[o.Code]; twice {
			r.Refuse(o.Code, where[i], "the code is there twice: first in %s", where[first])
			continue
		}
		rows[o.Code] = i
		if !slices.Contains(orgKinds, o.Kind) {
			r.Refuse(o.Code, where[i], "kind is %q, not one of %s", o.Kind, strings.Join(orgKinds, " "))
			continue
		}
		if reason := orgCodeFault(o.Kind, o.Code); reason != "" {
			r.Refuse(o.Code, where[i], "%s", reason)
		}
		if o.Name == "" {
			r.Refuse(o.Code, where[i], "it has no name")
		}
	}
	const fresh, open, done = 0, 1, 2
	state := make([]int, len(orgs))
	ordered := make([]Org, 0, len(orgs))
	var visit func(i int)
	visit = func(i int) {
		state[i] = open
		o := orgs[i]
		if o.ParentCode != "" {
			p, inFile := rows[o.ParentCode]
			kind := known[o.ParentCode]
			if inFile {
				kind = orgs[p].Kind
			}
			switch {
			case inFile && state[p] == open:
				r.Refuse(o.Code, where[i], "its parent %s lies below it", o.ParentCode)
			case inFile && state[p] == fresh:
				visit(p)
			case !inFile && kind == "":
				r.Refuse(o.Code, where[i], "its parent %s is neither in the file nor known", o.ParentCode)
			}
			if (o.Kind == "village" || o.Kind == "community") && kind == "street" && !strings.HasPrefix(o.Code, o.ParentCode) {
				r.Refuse(o.Code, where[i], "its code does not begin with its street's, %s", o.ParentCode)
			}
		}
		state[i] = done
		ordered = append(ordered, o)
	}
	for i := range orgs {
		if state[i] == fresh {
			visit(i)
		}
	}
	return ordered, r
}

// CheckWorkers judges workers: codes, roles, and that organisations and grids are known.
func CheckWorkers(workers []Worker, orgs map[string]string, grids map[string]bool) Report {
	var r Report
	seen := map[string]string{}
	for _, w := range workers {
		if w.Code == "" || w.Name == "" {
			r.Refuse(w.Code, w.Where, "a worker needs a code and a name")
		}
		if first, twice := seen[w.Code]; twice {
			r.Refuse(w.Code, w.Where, "the code is there twice: first in %s", first)
		}
		seen[w.Code] = w.Where
		if !slices.Contains(roles, w.Role) {
			r.Refuse(w.Code, w.Where, "role is %q, not one of %s", w.Role, strings.Join(roles, " "))
		}
		if orgs[w.OrgCode] == "" {
			r.Refuse(w.Code, w.Where, "its organisation %q is unknown", w.OrgCode)
		}
		for _, g := range w.Grids {
			if !grids[g] {
				r.Refuse(w.Code, w.Where, "its grid %q is unknown", g)
			}
		}
	}
	return r
}

// CheckShifts judges shifts: known workers and organisations, sane times, no overlap in the file.
func CheckShifts(shifts []Shift, orgs map[string]string, workers map[string]bool) Report {
	var r Report
	type span struct {
		from, to time.Time
		where    string
	}
	taken := map[string][]span{}
	for _, s := range shifts {
		if !workers[s.Worker] {
			r.Refuse(s.Worker, s.Where, "the worker is unknown")
		}
		if s.OrgCode != "" && orgs[s.OrgCode] == "" {
			r.Refuse(s.Worker, s.Where, "the organisation %q is unknown", s.OrgCode)
		}
		if !slices.Contains(posts, s.Post) {
			r.Refuse(s.Worker, s.Where, "post is %q, not one of %s", s.Post, strings.Join(posts, " "))
		}
		from, err1 := time.Parse(time.RFC3339, s.Start)
		to, err2 := time.Parse(time.RFC3339, s.End)
		switch {
		case err1 != nil || err2 != nil:
			r.Refuse(s.Worker, s.Where, "the times %q and %q cannot be read", s.Start, s.End)
			continue
		case !to.After(from):
			r.Refuse(s.Worker, s.Where, "the shift ends before it begins")
		case to.Sub(from) > 24*time.Hour:
			r.Refuse(s.Worker, s.Where, "the shift is longer than a day")
		}
		for _, o := range taken[s.Worker] {
			if from.Before(o.to) && o.from.Before(to) {
				r.Refuse(s.Worker, s.Where, "the shift overlaps the one in %s", o.where)
			}
		}
		taken[s.Worker] = append(taken[s.Worker], span{from, to, s.Where})
	}
	return r
}

// Staff counts who answers for a grid.
type Staff struct {
	Code                    string
	Leaders, Guides, Others int
}

// Complete says whether an execution grid has its 1+1+1: exactly one leader, a
// guide, a worker.
func (s Staff) Complete() (leader, guide, worker bool) {
	return s.Leaders == 1, s.Guides >= 1, s.Others >= 1
}

// CheckStaff warns of every execution grid that lacks somebody.
func CheckStaff(staff []Staff) Report {
	var r Report
	for _, s := range staff {
		leader, guide, worker := s.Complete()
		var lacks []string
		if !leader {
			lacks = append(lacks, fmt.Sprintf("has %d leaders instead of one", s.Leaders))
		}
		if !guide {
			lacks = append(lacks, "has no guide")
		}
		if !worker {
			lacks = append(lacks, "has no worker")
		}
		if len(lacks) > 0 {
			r.Warn(s.Code, "", "%s", strings.Join(lacks, ", "))
		}
	}
	return r
}
