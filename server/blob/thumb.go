package blob

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io/fs"
	"os"

	"github.com/gridward/gridward/server/fault"
)

// widths that thumbnails come in; a wish is rounded up to one of them, so that
// nobody can fill the disk by asking for every number.
var widths = []int{160, 320, 640, 1280}

// Thumbnail opens a smaller copy of a photo, upright, as JPEG. It is made on
// the first request and kept. A WebP is answered as it is (mime says so): the
// standard library does not draw it.
func (s *Store) Thumbnail(sum [32]byte, mime string, width int) (f *os.File, outMime string, err error) {
	if mime == "image/webp" {
		f, err = s.Get(sum)
		return f, mime, err
	}
	w := widths[len(widths)-1]
	for _, step := range widths {
		if width <= step {
			w = step
			break
		}
	}
	path := s.path(sum, fmt.Sprintf(".%d.jpg", w))
	if f, err := os.Open(path); err == nil {
		return f, "image/jpeg", nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("open a thumbnail: %w", err)
	}
	s.decode <- struct{}{}
	defer func() { <-s.decode }()
	raw, err := os.ReadFile(s.path(sum, ""))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fault.Because(err, fault.Missing, "照片文件不在了")
	}
	if err != nil {
		return nil, "", fmt.Errorf("read a photo: %w", err)
	}
	small, err := shrink(raw, mime, w)
	if err != nil { // a picture that browsers show and Go does not: the original will do
		f, err := s.Get(sum)
		return f, mime, err
	}
	if err := s.write(path, small); err != nil {
		return nil, "", err
	}
	f, err = os.Open(path)
	if err != nil {
		return nil, "", fmt.Errorf("open a thumbnail: %w", err)
	}
	return f, "image/jpeg", nil
}

func shrink(raw []byte, mime string, width int) ([]byte, error) {
	var (
		img  image.Image
		info Info
		err  error
	)
	if mime == "image/png" {
		_, info, err = cleanPNG(raw)
		if err == nil {
			img, err = png.Decode(bytes.NewReader(raw))
		}
	} else {
		_, info, err = cleanJPEG(raw)
		if err == nil {
			img, err = jpeg.Decode(bytes.NewReader(raw))
		}
	}
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = jpeg.Encode(&out, scale(img, width, info.Orientation), &jpeg.Options{Quality: 80})
	return out.Bytes(), err
}

// scale draws img upright, width pixels wide at most, each new pixel the mean
// of the box of old ones that it covers.
func scale(img image.Image, width, orientation int) *image.RGBA {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	turned := orientation >= 5
	outW, outH := w, h
	if turned {
		outW, outH = h, w
	}
	if outW > width {
		outH = max(1, outH*width/outW)
		outW = width
	}
	out := image.NewRGBA(image.Rect(0, 0, outW, outH))
	for y := range outH {
		for x := range outW {
			// the box of the new pixel, in the upright picture's fractions, turned back
			u0, u1, v0, v1 := float64(x)/float64(outW), float64(x+1)/float64(outW), float64(y)/float64(outH), float64(y+1)/float64(outH)
			switch orientation {
			case 2:
				u0, u1 = 1-u1, 1-u0
			case 3:
				u0, u1, v0, v1 = 1-u1, 1-u0, 1-v1, 1-v0
			case 4:
				v0, v1 = 1-v1, 1-v0
			case 5:
				u0, u1, v0, v1 = v0, v1, u0, u1
			case 6:
				u0, u1, v0, v1 = v0, v1, 1-u1, 1-u0
			case 7:
				u0, u1, v0, v1 = 1-v1, 1-v0, 1-u1, 1-u0
			case 8:
				u0, u1, v0, v1 = 1-v1, 1-v0, u0, u1
			}
			x0, x1 := int(u0*float64(w)), max(int(u0*float64(w))+1, int(u1*float64(w)))
			y0, y1 := int(v0*float64(h)), max(int(v0*float64(h))+1, int(v1*float64(h)))
			var r, g, bl, n uint64
			stepX, stepY := max(1, (x1-x0)/4), max(1, (y1-y0)/4) // sixteen samples are enough for a thumbnail
			for sy := y0; sy < min(y1, h); sy += stepY {
				for sx := x0; sx < min(x1, w); sx += stepX {
					cr, cg, cb, _ := img.At(b.Min.X+sx, b.Min.Y+sy).RGBA()
					r, g, bl, n = r+uint64(cr>>8), g+uint64(cg>>8), bl+uint64(cb>>8), n+1
				}
			}
			if n == 0 {
				continue
			}
			i := out.PixOffset(x, y)
			out.Pix[i], out.Pix[i+1], out.Pix[i+2], out.Pix[i+3] = uint8(r/n), uint8(g/n), uint8(bl/n), 255
		}
	}
	return out
}
