package territory

import "github.com/paulmach/orb"

// BaseMap is the ground that tiles draw under everything else, in WGS-84.
type BaseMap struct {
	Roads  []Road
	Areas  []Area
	Places []Place
}

// Road is a way of the base map; railways and rivers are ways of class rail and river.
type Road struct {
	Ref, Name, Class string
	Oneway           bool
	Line             orb.LineString
}

// Area is a building, a water, a park, …: the classes are those of base_area.
type Area struct {
	Ref, Name, Class string
	Shape            orb.MultiPolygon
}

// Place is a named point that one may search for. Rank 1 shows first.
type Place struct {
	Ref, Name, Class string
	Rank             int
	Point            orb.Point
}
