package desk

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/assess"
	"github.com/gridward/gridward/server/postgres"
)

// tally is what is known of a period while its scores are made.
type tally struct {
	p        postgres.AssessPeriod
	now      time.Time
	keep     bool // what is behind the figures
	marks    []postgres.AssessMark
	quarters []map[assess.Level]map[int64]assess.Fraction // of a year: those that are published, adjusted
}

// count scores everybody of a period as things stand now, by the period's
// templates. With keep, what is behind each figure is written down.
func count(ctx context.Context, tx pgx.Tx, p postgres.AssessPeriod, now time.Time, keep bool) (all []postgres.AssessScore, err error) {
	t := tally{p: p, now: now, keep: keep}
	if t.marks, err = postgres.AssessMarks(ctx, tx, p.ID); err != nil {
		return nil, err
	}
	if err := t.readQuarters(ctx, tx); err != nil {
		return nil, err
	}
	grids, err := postgres.AssessGrids(ctx, tx, p.Region, p.From, p.To)
	if err != nil {
		return nil, err
	}
	adjusted, err := decided(ctx, tx, p.ID)
	if err != nil {
		return nil, err
	}
	finals := map[int64]assess.Fraction{} // of the grids that count, with what was decided about them since
	for _, level := range assess.Levels() {
		template, ok := p.Template(level)
		if !ok {
			continue
		}
		subjects := grids
		switch level {
		case assess.Grid:
		case assess.Guide:
			subjects, err = postgres.AssessGuides(ctx, tx, p.Region, p.From, p.To)
		case assess.Community:
			if subjects, err = postgres.AssessOrgs(ctx, tx, p.Region, []string{"village", "community"}, p.From, p.To); err == nil {
				for i := range subjects {
					for _, g := range grids {
						if access.Covers(subjects[i].OrgPath, g.OrgPath) && assess.Half(g.InForce, p.From, p.To) {
							subjects[i].Grids = append(subjects[i].Grids, g.Key)
						}
					}
				}
			}
		case assess.Department:
			subjects, err = postgres.AssessOrgs(ctx, tx, p.Region, []string{"department"}, p.From, p.To)
		}
		if err != nil {
			return nil, err
		}
		scores, err := t.level(ctx, tx, template, subjects, finals)
		if err != nil {
			return nil, err
		}
		if level == assess.Grid {
			for _, s := range scores {
				if s.Counted {
					finals[s.Subject] = assess.Adjusted(s.Final, adjusted[s.Subject])
				}
			}
		}
		all = append(all, scores...)
	}
	return all, nil
}

// decided are the points that appeals and decisions put beside the grids'
// published scores: whoever stands on a grid stands on those too.
func decided(ctx context.Context, tx pgx.Tx, period int64) (map[int64][]assess.Fraction, error) {
	list, err := postgres.AssessAdjustments(ctx, tx, period, assess.Grid, nil)
	by := map[int64][]assess.Fraction{}
	for _, a := range list {
		if a.Kind != "data" {
			by[a.Subject] = append(by[a.Subject], a.Delta)
		}
	}
	return by, err
}

// level scores the subjects of a level and ranks them.
func (t *tally) level(ctx context.Context, tx pgx.Tx, template assess.Template, subjects []postgres.AssessSubject, grids map[int64]assess.Fraction) ([]postgres.AssessScore, error) {
	keys := make([]int64, len(subjects))
	for i, s := range subjects {
		keys[i] = s.Key
	}
	figures := make([]map[string]assess.Figure, len(subjects))
	for i := range figures {
		figures[i] = map[string]assess.Figure{}
	}
	for _, item := range template.Plan.Items() {
		by, err := t.item(ctx, tx, template.Level, item, subjects, keys, grids)
		if err != nil {
			return nil, err
		}
		for i, s := range subjects {
			if f, ok := by[s.Key]; ok {
				figures[i][item.Code] = f
			}
		}
	}
	scores := make([]postgres.AssessScore, len(subjects))
	var placed []assess.Placed
	for i, s := range subjects {
		special, inspection := t.given(template.Level, s.Key)
		result := assess.Result{}
		if t.p.Kind == assess.WholeYear && template.Plan.Quarters > 0 {
			var quarters []assess.Fraction
			for _, q := range t.quarters {
				if f := q[template.Level][s.Key]; f != "" {
					quarters = append(quarters, f)
				}
			}
			result = template.Plan.ScoreYear(figures[i], quarters, inspection, special)
		} else {
			result = template.Plan.Score(figures[i], special)
		}
		scores[i] = postgres.AssessScore{Level: template.Level, Subject: s.Key, Name: s.Name, Org: s.Org, OrgPath: s.OrgPath, Counted: assess.Half(s.InForce, t.p.From, t.p.To), Final: result.Final, Result: result}
		if scores[i].Counted && !template.Level.Personal() {
			placed = append(placed, assess.Placed{Key: s.Key, Name: s.Name, Score: result.Final})
		}
	}
	ranks, of := map[int64]int{}, 0
	for _, r := range assess.Rank(placed) {
		if ranks[r.Key] = r.Rank; r.Rank > 0 {
			of++
		}
	}
	for i := range scores {
		if scores[i].Rank = ranks[scores[i].Subject]; scores[i].Rank > 0 {
			scores[i].Of = of
		}
	}
	return scores, nil
}

// item counts one item for its subjects.
func (t *tally) item(ctx context.Context, tx pgx.Tx, level assess.Level, item assess.Item, subjects []postgres.AssessSubject, keys []int64, grids map[int64]assess.Fraction) (map[int64]assess.Figure, error) {
	m, _ := assess.MeasureByCode(item.Source)
	out := map[int64]assess.Figure{}
	switch m.Unit {
	case assess.Marks:
		var used []postgres.AssessMark
		sum := map[int64][]assess.Fraction{}
		for _, k := range t.marks {
			if k.Level == level && k.Score != nil && (k.Item == item.Code || k.Item == "" && k.Inspection != nil) {
				k.Item = item.Code
				used = append(used, k)
				sum[k.Subject] = append(sum[k.Subject], inHundredths(*k.Score))
			}
		}
		for subject, all := range sum {
			out[subject] = assess.MeanFigure(all)
		}
		if t.keep {
			return out, postgres.KeepAssessMarks(ctx, tx, t.p.ID, used)
		}
		return out, nil
	case assess.Grids:
		of := map[int64][]int64{}
		for _, s := range subjects {
			var all []assess.Fraction
			for _, g := range s.Grids {
				if f, ok := grids[g]; ok {
					all, of[s.Key] = append(all, f), append(of[s.Key], g)
				}
			}
			out[s.Key] = assess.MeanFigure(all)
		}
		if t.keep {
			return out, postgres.KeepAssessGrids(ctx, tx, t.p.ID, level, item.Code, t.now, of)
		}
		return out, nil
	}
	c := postgres.AssessCount{Region: t.p.Region, From: t.p.From, To: t.p.To, Now: t.now, Item: item, Subjects: keys}
	if t.keep {
		c.Keep = &postgres.AssessKeep{Period: t.p.ID, Level: level}
	}
	return postgres.CountAssessed(ctx, tx, c)
}

// given are the points of a subject, and the mean of what inspections marked it with.
func (t *tally) given(level assess.Level, subject int64) (special []assess.Fraction, inspection assess.Fraction) {
	var found []assess.Fraction
	for _, k := range t.marks {
		if k.Level != level || k.Subject != subject {
			continue
		}
		if k.Points != nil {
			special = append(special, inHundredths(*k.Points))
		}
		if k.Inspection != nil && k.Score != nil {
			found = append(found, inHundredths(*k.Score))
		}
	}
	return special, assess.Mean(found)
}

// readQuarters reads what a year stands on.
func (t *tally) readQuarters(ctx context.Context, tx pgx.Tx) error {
	if t.p.Kind != assess.WholeYear {
		return nil
	}
	periods, err := postgres.AssessPeriods(ctx, tx, []int64{t.p.Region})
	if err != nil {
		return err
	}
	for _, label := range assess.Quarters(t.p.Label) {
		for _, q := range periods {
			if q.Kind != assess.Quarter || q.Label != label || !q.State.Public() {
				continue
			}
			scores, err := postgres.AssessScores(ctx, tx, q.ID, "", nil)
			if err != nil {
				return err
			}
			by := map[assess.Level]map[int64]assess.Fraction{}
			for _, s := range scores {
				if by[s.Level] == nil {
					by[s.Level] = map[int64]assess.Fraction{}
				}
				by[s.Level][s.Subject] = s.Now()
			}
			t.quarters = append(t.quarters, by)
		}
	}
	return nil
}

func inHundredths(n int32) assess.Fraction { return assess.Hundredths(int64(n)) }
