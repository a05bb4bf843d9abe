package blob

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

const pngMagic = "\x89PNG\r\n\x1a\n"

var errCut = errors.New("the file ends too early")

// cleanJPEG copies the segments that make the picture and drops the rest:
// every APPn but JFIF (0), ICC (2) and Adobe (14), and every comment. What
// follows the picture's end (previews, motion photos) goes too.
func cleanJPEG(b []byte) ([]byte, Info, error) {
	var info Info
	info.Orientation = 1
	out := make([]byte, 0, len(b))
	out = append(out, 0xff, 0xd8)
	var exif []byte
	i := 2
	headerAt := len(out) // where our own orientation segment goes
	for {
		for i < len(b) && b[i] == 0xff && i+1 < len(b) && b[i+1] == 0xff {
			i++ // fill bytes
		}
		if i+2 > len(b) || b[i] != 0xff {
			return nil, info, errCut
		}
		marker := b[i+1]
		if marker == 0xd9 { // end of picture
			out = append(out, 0xff, 0xd9)
			break
		}
		if marker == 0x01 || marker >= 0xd0 && marker <= 0xd7 {
			out = append(out, 0xff, marker)
			i += 2
			continue
		}
		if i+4 > len(b) {
			return nil, info, errCut
		}
		n := int(binary.BigEndian.Uint16(b[i+2:]))
		if n < 2 || i+2+n > len(b) {
			return nil, info, errCut
		}
		segment, body := b[i:i+2+n], b[i+4:i+2+n]
		i += 2 + n
		switch {
		case marker == 0xe1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")):
			if exif == nil {
				exif = body[6:]
			}
		case marker == 0xe0 && bytes.HasPrefix(body, []byte("JFIF\x00")):
			out = append(out, segment...)
			if len(out) == 2+len(segment) {
				headerAt = len(out)
			}
		case marker == 0xe2 && bytes.HasPrefix(body, []byte("ICC_PROFILE\x00")), marker == 0xee && bytes.HasPrefix(body, []byte("Adobe")):
			out = append(out, segment...)
		case marker >= 0xe0 && marker <= 0xef, marker == 0xfe:
			// metadata
		case marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc: // a frame header
			if len(body) < 6 {
				return nil, info, errCut
			}
			info.Height, info.Width = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
			out = append(out, segment...)
		case marker == 0xda: // a scan: entropy-coded data up to the next marker
			out = append(out, segment...)
			start := i
			for {
				j := bytes.IndexByte(b[i:], 0xff)
				if j < 0 || i+j+1 >= len(b) {
					// Cut short while sending: keep what can be shown, end it properly.
					out = append(append(out, b[start:]...), 0xff, 0xd9)
					return finishJPEG(out, headerAt, exif, info)
				}
				i += j
				if next := b[i+1]; next == 0 || next == 0xff || next >= 0xd0 && next <= 0xd7 {
					if next == 0xff {
						i++
					} else {
						i += 2
					}
					continue
				}
				break
			}
			out = append(out, b[start:i]...)
		default:
			out = append(out, segment...)
		}
	}
	return finishJPEG(out, headerAt, exif, info)
}

// finishJPEG puts the orientation back, in a segment that says nothing else.
func finishJPEG(out []byte, at int, exif []byte, info Info) ([]byte, Info, error) {
	if info.Width == 0 || info.Height == 0 {
		return nil, info, errors.New("a JPEG without a picture")
	}
	if exif != nil {
		info.read(exif)
	}
	if info.Orientation == 1 {
		return out, info, nil
	}
	body := append([]byte("Exif\x00\x00"), orientationTIFF(info.Orientation)...)
	segment := []byte{0xff, 0xe1, 0, 0}
	binary.BigEndian.PutUint16(segment[2:], uint16(len(body)+2))
	segment = append(segment, body...)
	whole := make([]byte, 0, len(out)+len(segment))
	whole = append(whole, out[:at]...)
	whole = append(whole, segment...)
	return append(whole, out[at:]...), info, nil
}

// orientationTIFF is the smallest EXIF there is: one field.
func orientationTIFF(o int) []byte {
	return []byte{'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, byte(o), 0, 0, 0, 0, 0, 0}
}

// pngKept are the chunks that decide how the picture looks.
var pngKept = map[string]bool{
	"IHDR": true, "PLTE": true, "IDAT": true, "IEND": true, "tRNS": true, "gAMA": true, "cHRM": true, "sRGB": true, "iCCP": true, "sBIT": true, "pHYs": true, "bKGD": true,
}

// cleanPNG keeps the chunks that make the picture, and an orientation.
func cleanPNG(b []byte) ([]byte, Info, error) {
	info := Info{Orientation: 1}
	out := append(make([]byte, 0, len(b)), pngMagic...)
	for i, first := len(pngMagic), true; ; first = false {
		if i+12 > len(b) {
			return nil, info, errCut
		}
		n := binary.BigEndian.Uint32(b[i:])
		if n > MaxBytes || i+12+int(n) > len(b) {
			return nil, info, errCut
		}
		name, body := string(b[i+4:i+8]), b[i+8:i+8+int(n)]
		chunk := b[i : i+12+int(n)]
		i += len(chunk)
		if first != (name == "IHDR") {
			return nil, info, errors.New("a PNG that does not begin with its header")
		}
		if crc32.ChecksumIEEE(chunk[4:8+n]) != binary.BigEndian.Uint32(chunk[8+n:]) {
			return nil, info, fmt.Errorf("a PNG whose chunk %q is damaged", name)
		}
		switch {
		case name == "IHDR":
			if n != 13 {
				return nil, info, errCut
			}
			w, h := binary.BigEndian.Uint32(body), binary.BigEndian.Uint32(body[4:])
			if w > 1<<20 || h > 1<<20 {
				return nil, info, errors.New("a PNG of impossible size")
			}
			info.Width, info.Height = int(w), int(h)
			out = append(out, chunk...)
		case name == "eXIf":
			info.read(body)
			if info.Orientation != 1 {
				out = appendPNG(out, "eXIf", orientationTIFF(info.Orientation))
			}
		case name == "IEND":
			return append(out, chunk...), info, nil
		case pngKept[name]:
			out = append(out, chunk...)
		}
	}
}

func appendPNG(out []byte, name string, body []byte) []byte {
	out = binary.BigEndian.AppendUint32(out, uint32(len(body)))
	at := len(out)
	out = append(append(out, name...), body...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[at:]))
}

// cleanWebP keeps the chunks that make the picture and clears the flags of
// those that are gone.
func cleanWebP(b []byte) ([]byte, Info, error) {
	info := Info{Orientation: 1}
	size := int(binary.LittleEndian.Uint32(b[4:]))
	if size < 4 || size > len(b)-8 {
		return nil, info, errCut
	}
	b = b[:8+size]
	out := append(make([]byte, 0, len(b)), b[:12]...)
	flags := -1 // where the VP8X flags lie in out
	for i := 12; i+8 <= len(b); {
		n := int(binary.LittleEndian.Uint32(b[i+4:]))
		if n < 0 || n > len(b)-i-8 {
			return nil, info, errCut
		}
		name, body := string(b[i:i+4]), b[i+8:i+8+n]
		end := min(i+8+n+n&1, len(b))
		chunk := b[i:end]
		i = end
		switch name {
		case "EXIF":
			info.read(bytes.TrimPrefix(body, []byte("Exif\x00\x00")))
			info.Orientation = 1 // browsers do not turn WebP by its EXIF
		case "XMP ":
		case "VP8X":
			if n < 10 || flags >= 0 {
				return nil, info, errCut
			}
			flags = len(out) + 8
			info.Width, info.Height = 1+u24(body[4:]), 1+u24(body[7:])
			out = append(out, chunk...)
		case "VP8 ":
			if n < 10 || body[3] != 0x9d || body[4] != 0x01 || body[5] != 0x2a {
				return nil, info, errors.New("a WebP without a key frame")
			}
			if info.Width == 0 {
				info.Width, info.Height = int(binary.LittleEndian.Uint16(body[6:]))&0x3fff, int(binary.LittleEndian.Uint16(body[8:]))&0x3fff
			}
			out = append(out, chunk...)
		case "VP8L":
			if n < 5 || body[0] != 0x2f {
				return nil, info, errors.New("a WebP without a picture")
			}
			if info.Width == 0 {
				bits := binary.LittleEndian.Uint32(body[1:])
				info.Width, info.Height = 1+int(bits&0x3fff), 1+int(bits>>14&0x3fff)
			}
			out = append(out, chunk...)
		case "ICCP", "ALPH", "ANIM", "ANMF":
			out = append(out, chunk...)
		}
	}
	if info.Width == 0 {
		return nil, info, errors.New("a WebP without a picture")
	}
	if flags >= 0 {
		out[flags] &^= 0x08 | 0x04 // EXIF, XMP
	}
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out, info, nil
}

func u24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
