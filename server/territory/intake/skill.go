package intake

import (
	"fmt"
	"strings"
)

// Ability is a line of a table of who can do what.
type Ability struct {
	Worker string   // the worker's number
	Skills []string // codes or names
	Where  string
}

// Abilities reads who can do what: worker|人员编号, skills|技能, which are
// separated by 、 or a space. An empty cell says that somebody can do nothing in particular.
func Abilities(data []byte) ([]Ability, error) {
	rows, err := readTable(data, []string{"worker", "人员编号", "编号"}, []string{"skills", "技能"})
	if err != nil {
		return nil, err
	}
	if len(rows) > mostResources {
		return nil, fmt.Errorf("%d lines: at most %d at a time", len(rows), mostResources)
	}
	seen := map[string]string{}
	out := make([]Ability, 0, len(rows))
	for _, r := range rows {
		a := Ability{Worker: r.text("worker", "人员编号", "编号"), Where: r.where}
		if a.Worker == "" {
			return nil, fmt.Errorf("%s: a worker's number is wanted", r.where)
		}
		if before, twice := seen[a.Worker]; twice {
			return nil, fmt.Errorf("%s: the worker %q is also on %s", r.where, a.Worker, before)
		}
		seen[a.Worker] = r.where
		a.Skills = strings.FieldsFunc(r.text("skills", "技能"), func(c rune) bool { return strings.ContainsRune("、，,；; /|\t", c) })
		out = append(out, a)
	}
	return out, nil
}
