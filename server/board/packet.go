package board

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fleet"
)

// packet is the first byte of a batch for other nodes. A node that does not
// know it leaves the batch alone: healing brings the same news.
const packet = 1

var errPacket = errors.New("not a batch of fixes")

// Pack writes fixes for the boards of other nodes: what Put needs, no more.
func Pack(fixes []fleet.Fix) []byte {
	buf := make([]byte, 0, 2+len(fixes)*160)
	buf = append(buf, packet)
	for i := range fixes {
		f := &fixes[i]
		for _, n := range []int64{f.Region, f.Worker, f.Device, f.At.UnixMicro(), f.ReceivedAt.UnixMicro(), f.Grid, f.Org, int64(f.Interval),
			int64(f.Battery), int64(f.Source), int64(f.Flags), int64(f.GridVersion), int64(f.Priority)} {
			buf = binary.AppendVarint(buf, n)
		}
		for _, v := range f.Point {
			buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(v))
		}
		for _, v := range []float32{f.Speed, f.Course, f.Accuracy, f.Altitude} {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		buf = append(buf, f.Session[:]...)
		buf = binary.AppendUvarint(buf, uint64(len(f.OrgPath)))
		buf = append(buf, f.OrgPath...)
	}
	return buf
}

// Unpack reads what Pack wrote.
func Unpack(b []byte) ([]fleet.Fix, error) {
	if len(b) == 0 || b[0] != packet {
		return nil, errPacket
	}
	b = b[1:]
	var fixes []fleet.Fix
	for len(b) > 0 {
		var n [13]int64
		for i := range n {
			v, used := binary.Varint(b)
			if used <= 0 {
				return nil, fmt.Errorf("%w: a number is cut off", errPacket)
			}
			n[i], b = v, b[used:]
		}
		const fixed = 2*8 + 4*4 + 16
		if len(b) < fixed {
			return nil, fmt.Errorf("%w: a fix is cut off", errPacket)
		}
		f := fleet.Fix{
			Region: n[0], Worker: n[1], Device: n[2], At: time.UnixMicro(n[3]).UTC(), ReceivedAt: time.UnixMicro(n[4]).UTC(), Grid: n[5], Org: n[6],
			Interval: time.Duration(n[7]), Battery: int16(n[8]), Source: fleet.Source(n[9]), Flags: fleet.Flag(n[10]), GridVersion: int32(n[11]), Priority: int16(n[12]),
		}
		f.Point = orb.Point{math.Float64frombits(binary.LittleEndian.Uint64(b)), math.Float64frombits(binary.LittleEndian.Uint64(b[8:]))}
		for i, to := range []*float32{&f.Speed, &f.Course, &f.Accuracy, &f.Altitude} {
			*to = math.Float32frombits(binary.LittleEndian.Uint32(b[16+4*i:]))
		}
		f.Session = uuid.UUID(b[32:48])
		length, used := binary.Uvarint(b[fixed:])
		if used <= 0 || length > uint64(len(b)-fixed-used) {
			return nil, fmt.Errorf("%w: a path is cut off", errPacket)
		}
		f.OrgPath = string(b[fixed+used : fixed+used+int(length)])
		b = b[fixed+used+int(length):]
		fixes = append(fixes, f)
	}
	return fixes, nil
}
