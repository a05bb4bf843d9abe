package api

import (
	"encoding/json"
	"math"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geojson"

	"github.com/gridward/gridward/geo/streets"
	"github.com/gridward/gridward/server/fault"
)

// circle is a round shape that somebody drew.
type circle struct {
	Center  orb.Point `json:"center" doc:"[longitude, latitude]"`
	RadiusM float64   `json:"radius_m"`
}

// drawn is a shape on the map: a polygon as everything that asks takes it, and,
// when it was a circle, its middle.
type drawn struct {
	orb.MultiPolygon
	middle *orb.Point
}

const (
	mostVertices = 2000
	mostRadius   = 50_000.0      // metres
	mostArea     = 5_000.0 * 1e6 // m²: two counties
	roundness    = 96            // corners of a circle: within 0.06 % of it
	shapeHelp    = `请用多边形 {"type":"Polygon",…}、多个多边形，或圆 {"circle":{"center":[经度,纬度],"radius_m":米}}`
)

func badShape(format string, args ...any) error {
	return fault.New(fault.Invalid, format, args...).At("shape")
}

// readShape reads what was drawn: GeoJSON (a geometry or a feature), or a
// circle. Whether a polygon crosses itself only PostGIS can say.
func readShape(raw json.RawMessage) (drawn, error) {
	var head struct {
		Type     string          `json:"type"`
		Circle   *circle         `json:"circle"`
		Geometry json.RawMessage `json:"geometry"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return drawn{}, badShape("图形无法识别：%s", shapeHelp)
	}
	switch {
	case head.Circle != nil:
		return circleShape(head.Circle.Center, head.Circle.RadiusM)
	case head.Type == "Feature" && len(head.Geometry) > 0:
		return readShape(head.Geometry)
	}
	g, err := geojson.UnmarshalGeometry(raw)
	if err != nil || g == nil {
		return drawn{}, badShape("图形无法识别：%s", shapeHelp)
	}
	switch g := g.Geometry().(type) {
	case orb.Polygon:
		return polygonShape(orb.MultiPolygon{g})
	case orb.MultiPolygon:
		return polygonShape(g)
	}
	return drawn{}, badShape("图形是 %.30q，不是一块区域：%s", head.Type, shapeHelp)
}

func polygonShape(shape orb.MultiPolygon) (drawn, error) {
	vertices := 0
	for _, polygon := range shape {
		if len(polygon) == 0 {
			return drawn{}, badShape("图形是空的")
		}
		for i, ring := range polygon {
			if vertices += len(ring); vertices > mostVertices {
				return drawn{}, badShape("图形的顶点太多，最多 %d 个", mostVertices)
			}
			for _, p := range ring {
				if !(math.Abs(p[0]) <= 180 && math.Abs(p[1]) <= 90) {
					return drawn{}, badShape("顶点 [%g, %g] 不是 [经度, 纬度]", p[0], p[1])
				}
			}
			if n := len(ring); n > 2 && ring[0] != ring[n-1] { // people end where they began; the last point is often left out
				polygon[i] = append(ring[:n:n], ring[0])
			}
			if len(polygon[i]) < 4 {
				return drawn{}, badShape("至少要三个不同的顶点才能围成区域")
			}
		}
	}
	if len(shape) == 0 {
		return drawn{}, badShape("图形是空的")
	}
	return drawn{MultiPolygon: shape}, nil
}

func circleShape(c orb.Point, radius float64) (drawn, error) {
	if !(math.Abs(c[0]) <= 180 && math.Abs(c[1]) <= 85) {
		return drawn{}, badShape("圆心 [%g, %g] 不是 [经度, 纬度]", c[0], c[1])
	}
	if !(radius >= 1 && radius <= mostRadius) {
		return drawn{}, badShape("半径应在 1 米到 %.0f 公里之间", mostRadius/1000)
	}
	// Metres in a degree, by measuring a small one.
	const step = 1e-3
	east, north := streets.Metres(c, orb.Point{c[0] + step, c[1]})/step, streets.Metres(orb.Point{c[0], c[1] - step/2}, orb.Point{c[0], c[1] + step/2})/step
	ring := make(orb.Ring, 0, roundness+1)
	for i := range roundness {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / roundness)
		ring = append(ring, orb.Point{c[0] + radius*cos/east, c[1] + radius*sin/north})
	}
	ring = append(ring, ring[0])
	return drawn{MultiPolygon: orb.MultiPolygon{{ring}}, middle: &c}, nil
}

// wordsOf says in Chinese why PostGIS refuses a shape.
func wordsOf(reason string) string {
	for _, known := range []struct{ begin, text string }{
		{"Self-intersection", "图形的边自相交，请重新绘制"},
		{"Ring Self-intersection", "图形的边自相接，请重新绘制"},
		{"Too few points", "至少要三个不同的顶点才能围成区域"},
		{"Hole lies outside", "挖空的部分在图形之外"},
		{"Nested", "图形互相嵌套，请重新绘制"},
		{"Duplicate Rings", "图形有重复的边，请重新绘制"},
		{"Interior is disconnected", "图形被挖空的部分切断，请重新绘制"},
	} {
		if len(reason) >= len(known.begin) && reason[:len(known.begin)] == known.begin {
			return known.text
		}
	}
	return "图形无效，请重新绘制"
}
