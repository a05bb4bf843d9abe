package api

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/territory/intake"
)

type ableList struct {
	Workers []postgres.Able `json:"workers"`
	Next    string          `json:"next,omitempty"`
	Total   int64           `json:"total"`

	names map[string]string
}

// table is what the import reads again.
func (l ableList) table() ([]string, [][]string) {
	rows := make([][]string, len(l.Workers))
	for i, w := range l.Workers {
		names := make([]string, len(w.Skills))
		for k, code := range w.Skills {
			names[k] = l.names[code]
		}
		rows[i] = []string{w.Code, w.Name, w.OrgName, strings.Join(names, "、")}
	}
	return []string{"人员编号", "姓名", "所属机构", "技能"}, rows
}

var skillCode = regexp.MustCompile(`^[a-z][a-z0-9_]{1,31}$`)

func (a *API) skillRoutes() {
	type dictionary struct {
		Body struct {
			Skills []postgres.SkillEntry `json:"skills"`
		}
	}
	route(a, http.MethodGet, "/skill-entries", "The dictionary of skills with retired ones, and how many people of the scope can do each", power(access.ManageRules), func(ctx context.Context, who access.Session, _ *nothing) (*dictionary, error) {
		out := &dictionary{}
		var err error
		out.Body.Skills, err = postgres.SkillEntries(ctx, a.DB.Pool, who.Scope(access.ManageRules))
		return out, err
	})
	route(a, http.MethodPut, "/skill-entries/{code}", "Add a skill to the dictionary, or rename, move or retire it", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		Code string `path:"code" maxLength:"32"`
		Body struct {
			Name    string `json:"name" maxLength:"40"`
			Sort    int32  `json:"sort,omitempty" minimum:"0" maximum:"10000"`
			Retired bool   `json:"retired,omitempty"`
		}
	}) (*struct{ Body postgres.SkillEntry }, error) {
		if _, err := a.ruledRegion(ctx, who, 0); err != nil { // one dictionary for everybody
			return nil, err
		}
		s := postgres.SkillEntry{Code: in.Code, Name: strings.TrimSpace(in.Body.Name), Sort: in.Body.Sort, Retired: in.Body.Retired}
		fields := map[string]string{}
		if !skillCode.MatchString(s.Code) {
			fields["code"] = "编码为 2 至 32 个小写字母、数字或下划线，以字母开头"
		}
		if s.Name == "" {
			fields["name"] = "请填写名称"
		}
		if len(fields) > 0 {
			f := fault.New(fault.Invalid, "技能有误，请检查标出的项目")
			f.Fields = fields
			return nil, f
		}
		err := a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if err := postgres.PutSkill(ctx, tx, s); err != nil {
				return err
			}
			return a.audit(ctx, tx, who, "skill.changed", s.Code, map[string]any{"name": s.Name, "retired": s.Retired})
		})
		return &struct{ Body postgres.SkillEntry }{s}, err
	})

	route(a, http.MethodGet, "/worker-skills", "Who can do what", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		Paging
		Org   int64  `query:"org"`
		Skill string `query:"skill" maxLength:"32" doc:"a code; none: those who can do nothing in particular"`
		Q     string `query:"q" maxLength:"40" doc:"name, number or pinyin initials"`
	}) (*struct {
		ListHead
		Body ableList
	}, error) {
		f := postgres.AbleFilter{Scope: who.Scope(access.ManageRules), Org: some(in.Org), Skill: in.Skill, Query: in.Q, Limit: in.rows()}
		if _, err := in.read(&f.After); err != nil {
			return nil, err
		}
		list, total, err := postgres.ListAble(ctx, a.DB.Pool, f)
		if err != nil {
			return nil, err
		}
		known, err := postgres.Skills(ctx, a.DB.Pool)
		if err != nil {
			return nil, err
		}
		names := make(map[string]string, len(known))
		for _, s := range known {
			names[s.Code] = s.Name
		}
		if err := a.exported(ctx, in.Paging, who, "worker_skills.exported", "", map[string]any{"rows": len(list)}); err != nil {
			return nil, err
		}
		list, next := cut(in.Paging, list, func(w postgres.Able) any { return w.Worker })
		for i := range list {
			if who.MaskFor(list[i].OrgPath) == access.MaskPeople {
				list[i].Name = access.MaskName(list[i].Name)
			}
		}
		return &struct {
			ListHead
			Body ableList
		}{head(in.Paging, "worker-skills", a.Clock()), ableList{append([]postgres.Able{}, list...), next, total, names}}, nil
	})

	type imported struct {
		Body struct {
			Changed int `json:"changed" doc:"workers whose skills were set"`
		}
	}
	route(a, http.MethodPost, "/worker-skills", "Import who can do what: a table with a heading, UTF-8 or GBK; each line sets one worker's skills; all of it or nothing", power(access.ManageRules), func(ctx context.Context, who access.Session, in *struct {
		Body struct {
			CSV string `json:"csv" maxLength:"4000000" doc:"人员编号,技能 (codes or names, separated by 、)"`
		}
	}) (*imported, error) {
		list, err := intake.Abilities([]byte(in.Body.CSV))
		if err != nil {
			f := fault.Because(err, fault.Invalid, "表格有误：%v", err)
			f.Fields = map[string]string{"csv": f.Public}
			return nil, f
		}
		out := &imported{}
		err = a.DB.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			known, err := postgres.Skills(ctx, tx)
			if err != nil {
				return err
			}
			codes := make([]string, len(list))
			for i, l := range list {
				codes[i] = l.Worker
			}
			ids, err := postgres.WorkersByCode(ctx, tx, codes, who.Scope(access.ManageRules))
			if err != nil {
				return err
			}
			for _, l := range list {
				skills, err := postgres.SkillCodes(known, l.Skills)
				if err != nil {
					return fault.Because(err, fault.Invalid, "表格有误：%s：%v", l.Where, err)
				}
				if err := postgres.SetSkills(ctx, tx, ids[l.Worker], skills); err != nil {
					return err
				}
			}
			out.Body.Changed = len(list)
			return a.audit(ctx, tx, who, "worker_skills.imported", "", map[string]any{"workers": len(list)})
		})
		return out, err
	})
}
