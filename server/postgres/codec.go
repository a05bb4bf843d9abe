package postgres

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"
)

// srid of every geometry that goes in as an orb value.
const srid = 4326

// registerGeometry teaches a connection that orb values are PostGIS geometries.
func registerGeometry(ctx context.Context, c *pgx.Conn) error {
	var one, many uint32
	err := c.QueryRow(ctx, "SELECT COALESCE(to_regtype('geometry')::oid, 0), COALESCE(to_regtype('geometry[]')::oid, 0)").Scan(&one, &many)
	if err != nil {
		return fmt.Errorf("look up the geometry type: %w", err)
	}
	if one == 0 {
		return nil // PostGIS is not there yet: only the migration runs on such a connection
	}
	t := &pgtype.Type{Name: "geometry", OID: one, Codec: geometryCodec{}}
	m := c.TypeMap()
	m.RegisterType(t)
	m.RegisterType(&pgtype.Type{Name: "_geometry", OID: many, Codec: &pgtype.ArrayCodec{ElementType: t}})
	for _, v := range []any{orb.Point{}, orb.LineString{}, orb.Polygon{}, orb.MultiPolygon{}, orb.MultiLineString{}} {
		m.RegisterDefaultPgType(v, "geometry")
	}
	return nil
}

// geometryCodec carries orb geometries as EWKB: binary on the wire, hex where text is asked for.
type geometryCodec struct{}

func (geometryCodec) FormatSupported(format int16) bool {
	return format == pgtype.BinaryFormatCode || format == pgtype.TextFormatCode
}
func (geometryCodec) PreferredFormat() int16 { return pgtype.BinaryFormatCode }

func (geometryCodec) PlanEncode(_ *pgtype.Map, _ uint32, format int16, value any) pgtype.EncodePlan {
	switch value.(type) {
	case orb.Point, orb.LineString, orb.MultiLineString, orb.Polygon, orb.MultiPolygon:
	default: // a pointer to one is a Geometry too, but pgx must take it apart: it may be nil
		return nil
	}
	if format == pgtype.BinaryFormatCode {
		return encodeBinary{}
	}
	return encodeText{}
}

type encodeBinary struct{}

func (encodeBinary) Encode(value any, buf []byte) ([]byte, error) {
	if p, ok := value.(orb.Point); ok {
		return appendPoint(buf, p), nil
	}
	b, err := ewkb.Marshal(value.(orb.Geometry), srid)
	if err != nil || b == nil {
		return nil, err
	}
	return append(buf, b...), nil
}

type encodeText struct{}

func (encodeText) Encode(value any, buf []byte) ([]byte, error) {
	b, err := ewkb.Marshal(value.(orb.Geometry), srid)
	if err != nil || b == nil {
		return nil, err
	}
	return hex.AppendEncode(buf, b), nil
}

func (geometryCodec) PlanScan(_ *pgtype.Map, _ uint32, format int16, target any) pgtype.ScanPlan {
	switch target.(type) {
	case *orb.Point, *orb.LineString, *orb.Polygon, *orb.MultiPolygon, *orb.MultiLineString, *orb.Geometry:
		return scanGeometry{text: format == pgtype.TextFormatCode}
	}
	return nil
}

type scanGeometry struct{ text bool }

func (s scanGeometry) Scan(src []byte, target any) error {
	if src == nil {
		return fmt.Errorf("cannot scan NULL into %T", target)
	}
	if s.text {
		b, err := hex.DecodeString(string(src))
		if err != nil {
			return fmt.Errorf("geometry as text: %w", err)
		}
		src = b
	}
	g, _, err := ewkb.NewDecoder(bytes.NewReader(src)).Decode()
	if err != nil {
		return fmt.Errorf("decode a geometry: %w", err)
	}
	var ok bool
	switch t := target.(type) {
	case *orb.Point:
		*t, ok = g.(orb.Point)
	case *orb.LineString:
		*t, ok = g.(orb.LineString)
	case *orb.MultiLineString:
		*t, ok = g.(orb.MultiLineString)
	case *orb.Polygon:
		*t, ok = g.(orb.Polygon)
	case *orb.MultiPolygon:
		if p, single := g.(orb.Polygon); single {
			*t, ok = orb.MultiPolygon{p}, true
		} else {
			*t, ok = g.(orb.MultiPolygon)
		}
	case *orb.Geometry:
		*t, ok = g, true
	}
	if !ok {
		return fmt.Errorf("the database holds a %s where a %T is read", g.GeoJSONType(), target)
	}
	return nil
}

func (c geometryCodec) DecodeDatabaseSQLValue(_ *pgtype.Map, _ uint32, _ int16, src []byte) (driver.Value, error) {
	if src == nil {
		return nil, nil
	}
	return bytes.Clone(src), nil
}

func (c geometryCodec) DecodeValue(_ *pgtype.Map, _ uint32, format int16, src []byte) (any, error) {
	if src == nil {
		return nil, nil
	}
	var g orb.Geometry
	err := scanGeometry{text: format == pgtype.TextFormatCode}.Scan(src, &g)
	return g, err
}
