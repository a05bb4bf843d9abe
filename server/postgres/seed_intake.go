package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/territory/intake"
)

// demoRoutes say which department of the demo street a category goes to first.
var demoRoutes = map[string][]string{
	"-KS01": {"ZZ", "ZZ-01", "ZZ-02", "ZZ-03", "ZZ-04", "ZZ-05", "ZZ-06"},
	"-KS02": {"AQ", "AQ-01", "AQ-02", "AQ-03", "AQ-04", "AQ-05", "AQ-06"},
	"-KS03": {"JJ", "JJ-01", "JJ-02", "JJ-03", "CJ-01", "CJ-04", "NY-01", "NY-02", "DQ-04"},
	"-KS04": {"CJ", "CJ-02", "CJ-03", "CJ-05", "NY", "NY-03"},
	"-KS05": {"SH", "SH-01", "SH-02", "SH-03", "SH-04", "NY-04"},
	"-KS06": {"DQ", "DQ-01", "DQ-02", "DQ-03", "JJ-04"},
}

// demoCodes are the national codes of some kinds of the first catalogue.
var demoCodes = map[string]string{
	"CJ-01": "06010", "CJ-02": "06013", "CJ-04": "06001", "CJ-05": "06045", "DQ-04": "07001",
	"JJ-01": "09001", "JJ-02": "09005", "JJ-03": "09006", "AQ-01": "09012", "AQ-05": "09009",
}

// mapKinds are the words for what the base map calls its places.
var mapKinds = map[string]string{
	"school": "学校", "kindergarten": "幼儿园", "university": "学校", "college": "学校", "hospital": "医院", "clinic": "诊所", "pharmacy": "药店", "marketplace": "市场",
	"supermarket": "超市", "mall": "商场", "restaurant": "餐饮", "fast_food": "餐饮", "cafe": "餐饮", "bank": "银行", "hotel": "酒店", "park": "公园", "garden": "公园",
	"residential": "小区", "building": "楼宇", "village": "村", "hamlet": "村", "neighbourhood": "小区", "suburb": "片区", "town": "镇街", "station": "车站", "bus_stop": "公交站",
	"subway_entrance": "地铁口", "fuel": "加油站", "parking": "停车场", "police": "派出所", "fire_station": "消防站", "townhall": "政府机构", "community_centre": "活动中心",
	"toilets": "公厕", "place_of_worship": "宗教场所", "peak": "山", "water": "水域", "industrial": "工业区", "commercial": "商业区", "sports_centre": "体育场馆", "library": "图书馆",
}

const sqlGazetteerEmpty = `SELECT id, NOT EXISTS (SELECT FROM gazetteer g WHERE g.region_id = o.id), NOT EXISTS (SELECT FROM standard_code) FROM org o WHERE code = $1 AND valid_to IS NULL`

const sqlLinkStandard = `
UPDATE category c SET std_ref = s.standard_ref, std_kind = s.kind, std_code = s.code5
FROM unnest($1::text[], $2::text[]) AS l(code, code5) JOIN standard_code s ON s.code5 = l.code5 AND s.kind = '事项'
WHERE c.code = l.code AND c.std_code = '' AND c.version = 1`

// seedIntake gives the demo street a gazetteer made of the names of its map
// and grids, a sample of national codes, and the routes to its departments.
// What somebody has changed or imported stays.
func seedIntake(ctx context.Context, tx pgx.Tx) error {
	var (
		region            int64
		noPlaces, noCodes bool
	)
	if err := tx.QueryRow(ctx, sqlGazetteerEmpty, fixtures.StreetCode).Scan(&region, &noPlaces, &noCodes); err != nil {
		return fmt.Errorf("find the demo street: %w", err)
	}
	if noPlaces {
		list, err := AddressesOf(ctx, tx, region)
		if err != nil {
			return err
		}
		for i := range list {
			if kind, ok := mapKinds[list[i].Kind]; ok {
				list[i].Kind = kind
			} else if list[i].Kind != "网格" {
				list[i].Kind = "地点"
			}
		}
		if _, err := PutAddresses(ctx, tx, region, list, "wgs84", demoMap); err != nil {
			return err
		}
	}
	if noCodes {
		data, err := fixtures.StandardCodesFile()
		if err != nil {
			return err
		}
		rows, where, err := intake.StandardCodes(data)
		if err != nil {
			return err
		}
		codes, report := incident.CheckStandardCodes(rows, where)
		if err := report.Err(); err != nil {
			return err
		}
		if _, err := PutStandardCodes(ctx, tx, codes); err != nil {
			return err
		}
		var kinds, numbers []string
		for kind, number := range demoCodes {
			kinds, numbers = append(kinds, kind), append(numbers, number)
		}
		if _, err := tx.Exec(ctx, sqlLinkStandard, kinds, numbers); err != nil {
			return fmt.Errorf("link the national codes: %w", err)
		}
	}
	routes := map[string]string{}
	for dept, codes := range demoRoutes {
		for _, code := range codes {
			routes[code] = fixtures.StreetCode + dept
		}
	}
	return RouteOnce(ctx, tx, routes)
}
