package intake

import (
	"fmt"
	"slices"
	"strings"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/territory"
)

// areaClass sorts an OpenStreetMap area into a class of the base map; the
// first tag that matches decides.
var areaClass = []struct{ key, values, class string }{ // no values = any
	{"building", "", "building"},
	{"natural", " water wetland bay ", "water"},
	{"water", "", "water"},
	{"waterway", " riverbank dock ", "water"},
	{"landuse", " basin reservoir ", "water"},
	{"leisure", " park garden pitch golf_course nature_reserve track stadium ", "green"},
	{"natural", " wood scrub grassland heath ", "green"},
	{"landuse", " grass forest meadow orchard farmland cemetery recreation_ground village_green ", "green"},
	{"amenity", " school university college kindergarten ", "school"},
	{"landuse", " education ", "school"},
	{"landuse", " residential ", "residential"},
	{"landuse", " industrial railway construction brownfield ", "industrial"},
	{"amenity", "", "other"},
	{"landuse", "", "other"},
	{"leisure", "", "other"},
}

// placeRank says which kinds of features are places to search for, and which
// show first. What is not here is no place; police posts and other guarded
// facilities never are.
var placeRank = map[string]int{
	"amenity=townhall": 1, "amenity=hospital": 1, "amenity=university": 1, "railway=station": 1, "leisure=stadium": 1,
	"place=suburb": 1, "place=village": 1, "place=town": 1, "place=neighbourhood": 2, "place=hamlet": 2, "place=quarter": 2,
	"amenity=school": 2, "amenity=college": 2, "amenity=clinic": 2, "amenity=marketplace": 2, "leisure=park": 2, "shop=mall": 2, "tourism=attraction": 2,
	"amenity=library": 3, "amenity=kindergarten": 3, "amenity=community_centre": 3, "leisure=sports_centre": 3, "tourism=hotel": 3, "natural=water": 3,
	"leisure=golf_course": 3, "natural=peak": 3, "amenity=fire_station": 3, "shop=supermarket": 3, "landuse=residential": 3,
	"building": 4, "highway=bus_stop": 4, "amenity=fuel": 4, "amenity=restaurant": 4, "amenity=cafe": 5, "amenity=bank": 4, "amenity=pharmacy": 4,
	"amenity=parking": 5, "shop": 5, "leisure": 4, "tourism": 4,
}

// OSM reads a base map from OpenStreetMap features, as GeoJSON with the tags
// as properties. Names are Chinese where the map has them.
func OSM(data []byte) (territory.BaseMap, error) {
	features, err := readFeatures(data, nil)
	if err != nil {
		return territory.BaseMap{}, err
	}
	var m territory.BaseMap
	seen := map[string]bool{}
	for i, f := range features {
		ref, name := f.text("@id"), f.text("name:zh", "name")
		if ref == "" {
			ref = f.id
		}
		if ref == "" {
			ref = fmt.Sprintf("feature/%d", i+1)
		}
		if f.text("amenity") == "police" || f.text("military") != "" || f.text("landuse") == "military" {
			continue
		}
		switch g := f.geometry.(type) {
		case orb.LineString:
			if class := wayClass(f); class != "" {
				m.Roads = append(m.Roads, territory.Road{Ref: ref, Name: name, Class: class, Oneway: f.text("oneway") == "yes", Line: g})
			}
		case orb.MultiLineString:
			if class := wayClass(f); class != "" {
				for k, l := range g {
					m.Roads = append(m.Roads, territory.Road{Ref: fmt.Sprintf("%s/%d", ref, k+1), Name: name, Class: class, Oneway: f.text("oneway") == "yes", Line: l})
				}
			}
		case orb.Polygon:
			addArea(&m, f, ref, name, orb.MultiPolygon{g})
		case orb.MultiPolygon:
			addArea(&m, f, ref, name, g)
		}
		if class, rank := place(f); name != "" && rank > 0 && !strings.Contains(name, "测试") {
			if key := class + "|" + name; !seen[key] {
				seen[key] = true
				m.Places = append(m.Places, territory.Place{Ref: ref, Name: name, Class: class, Rank: rank, Point: f.geometry.Bound().Center()})
			}
		}
	}
	if len(m.Roads)+len(m.Areas)+len(m.Places) == 0 {
		return m, fmt.Errorf("the file holds nothing that a base map shows: are its properties OpenStreetMap tags?")
	}
	return m, nil
}

func wayClass(f feature) string {
	if class := f.text("highway"); class != "" {
		return class
	}
	if r := f.text("railway"); (r == "rail" || r == "subway" || r == "light_rail" || r == "tram") && f.text("tunnel") != "yes" {
		return "rail"
	}
	if w := f.text("waterway"); (w == "river" || w == "canal" || w == "stream") && f.text("tunnel") != "yes" {
		return "river"
	}
	return ""
}

func place(f feature) (class string, rank int) {
	for _, key := range []string{"place", "railway", "amenity", "shop", "tourism", "leisure", "natural", "highway", "landuse", "building"} {
		v := f.text(key)
		if v == "" {
			continue
		}
		for _, k := range []string{key + "=" + v, key} {
			if r := placeRank[k]; r > 0 {
				if key == "building" {
					return "building", r
				}
				return v, r
			}
		}
	}
	return "", 0
}

func addArea(m *territory.BaseMap, f feature, ref, name string, shape orb.MultiPolygon) {
	i := slices.IndexFunc(areaClass, func(c struct{ key, values, class string }) bool {
		v := f.text(c.key)
		return v != "" && v != "no" && (c.values == "" || strings.Contains(c.values, " "+v+" "))
	})
	if i >= 0 {
		m.Areas = append(m.Areas, territory.Area{Ref: ref, Name: name, Class: areaClass[i].class, Shape: shape})
	}
}
