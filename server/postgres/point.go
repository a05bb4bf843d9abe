package postgres

import (
	"encoding/binary"
	"math"

	"github.com/paulmach/orb"
)

// pointSize is the length of a point as EWKB: byte order, type, SRID, x, y.
const pointSize = 1 + 4 + 4 + 8 + 8

// appendPoint appends p as little-endian EWKB with the SRID. It allocates
// nothing when buf has room: it is on the path of every fix.
func appendPoint(buf []byte, p orb.Point) []byte {
	const pointType, withSRID = 1, 0x20000000
	buf = append(buf, 1)
	buf = binary.LittleEndian.AppendUint32(buf, pointType|withSRID)
	buf = binary.LittleEndian.AppendUint32(buf, srid)
	buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(p[0]))
	return binary.LittleEndian.AppendUint64(buf, math.Float64bits(p[1]))
}
