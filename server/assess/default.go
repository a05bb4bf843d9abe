package assess

// Default is the plan that a level begins with; it is written into the
// database as its first template and edited there.
func Default(level Level) Template {
	t := Template{Version: 1, Level: level, Plan: Plan{Bands: []Band{{"优秀", 9000}, {"良好", 8000}, {"合格", 6000}, {"不合格", 0}}, Quarters: 6000, Inspection: 4000}}
	switch level {
	case Grid:
		t.Name = "网格考核（默认）"
		t.Plan.Special = 1000
		t.Plan.Bonus = []Amount{{9500, 200_000}, {9000, 150_000}, {8000, 80_000}}
		t.Plan.Dimensions = []Dimension{
			{"info", "信息采集", 3000, []Item{{Code: "complete", Name: "信息完整率", Weight: 6000, Source: "info_complete"}, {Code: "timely", Name: "及时更新率", Weight: 4000, Source: "info_timely"}}},
			{"patrol", "走访巡查", 3500, []Item{{Code: "quota", Name: "走访定额达成率", Weight: 5000, Source: "quota"}, {Code: "objects", Name: "重点对象走访率", Weight: 3000, Source: "object_coverage"}, {Code: "validity", Name: "走访真实性", Weight: 2000, Source: "visit_validity"}}},
			{"handling", "事件处置", 3500, []Item{{Code: "on_time", Name: "按期办结率", Weight: 4000, Source: "grid_on_time"}, {Code: "self", Name: "自处率", Weight: 2000, Source: "grid_self"},
				{Code: "rework", Name: "返工率", Weight: 2000, Source: "grid_rework"}, {Code: "satisfied", Name: "群众满意率", Weight: 2000, Source: "grid_satisfied"}}},
		}
	case Guide:
		t.Name = "网格指导员考核（默认）"
		t.Plan.Quarters, t.Plan.Inspection = 0, 0 // stands on the grids, which have their own year
		t.Plan.Dimensions = []Dimension{
			{"linked", "挂钩网格", 7000, []Item{{Code: "linked", Name: "挂钩网格均分", Weight: 10000, Source: "grids_linked"}}},
			{"own", "本人履职", 3000, []Item{{Code: "onsite", Name: "到岗天数", Weight: 5000, Source: "onsite_days", Target: 8}, {Code: "solved", Name: "发现问题解决率", Weight: 5000, Source: "reported_closed"}}},
		}
	case Community:
		t.Name = "村社区考核（默认）"
		t.Plan.Quarters, t.Plan.Inspection = 0, 0
		t.Plan.Dimensions = []Dimension{{"grids", "所辖网格", 10000, []Item{{Code: "mean", Name: "所辖网格均分", Weight: 10000, Source: "grids_mean"}}}}
	case Department:
		t.Name = "街道职能部门考核（默认）"
		t.Plan.Dimensions = []Dimension{
			{"accept", "受理", 4000, []Item{{Code: "sign", Name: "受理率", Weight: 10000, Source: "sign_rate"}}},
			{"close", "办结", 4000, []Item{{Code: "on_time", Name: "按期办结率", Weight: 10000, Source: "dept_on_time"}}},
			{"quality", "质量", 2000, []Item{{Code: "rework", Name: "返工率", Weight: 5000, Source: "dept_rework"}, {Code: "rating", Name: "网格满意率", Weight: 3000, Source: "grid_rating"}, {Code: "returns", Name: "不当退回率", Weight: 2000, Source: "wrong_return"}}},
		}
	}
	return t
}
