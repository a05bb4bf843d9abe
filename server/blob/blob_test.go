package blob

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gridward/gridward/server/fault"
)

// picture is red above, blue below, 40 × 20, so that turning it shows.
func picture() image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 40, 20))
	for y := range 20 {
		for x := range 40 {
			c := color.RGBA{200, 0, 0, 255}
			if y >= 10 {
				c = color.RGBA{0, 0, 200, 255}
			}
			img.Set(x, y, c)
		}
	}
	return img
}

// exif writes orientation, time, camera and place as a phone does.
func exif(orientation uint16) []byte {
	le := binary.LittleEndian
	var b []byte
	u16 := func(v uint16) { b = le.AppendUint16(b, v) }
	u32 := func(v uint32) { b = le.AppendUint32(b, v) }
	entry := func(tag, kind uint16, count, value uint32) { u16(tag); u16(kind); u32(count); u32(value) }
	b = append(b, "II*\x00"...)
	u32(8)
	u16(4)
	entry(0x010f, 2, 8, 200)                 // Make, at 200
	entry(0x0112, 3, 1, uint32(orientation)) // Orientation
	entry(0x8769, 4, 1, 62)                  // Exif directory
	entry(0x8825, 4, 1, 92)                  // GPS directory
	u32(0)                                   // 58…62
	u16(2)                                   // Exif directory, at 62
	entry(0x9003, 2, 20, 208)                // DateTimeOriginal, at 208
	entry(0x9011, 2, 7, 228)                 // OffsetTimeOriginal, at 228
	u32(0)
	u16(4) // GPS directory, at 92
	entry(1, 2, 2, uint32('N'))
	entry(2, 5, 3, 236)
	entry(3, 2, 2, uint32('E'))
	entry(4, 5, 3, 260)
	u32(0)
	for len(b) < 200 {
		b = append(b, 0)
	}
	b = append(b, "SecretCo"[:8]...)
	b = append(b, "2026:11:22 09:30:00\x00"...)
	b = append(b, "+08:00\x00\x00"...)
	for _, v := range []uint32{22, 1, 36, 1, 3600, 100, 114, 1, 12, 1, 1800, 100} {
		u32(v)
	}
	return b
}

func withSegment(photo []byte, marker byte, body []byte) []byte {
	out := append([]byte{}, photo[:2]...)
	out = append(out, 0xff, marker)
	out = binary.BigEndian.AppendUint16(out, uint16(len(body)+2))
	out = append(out, body...)
	return append(out, photo[2:]...)
}

func jpegOf(t testing.TB, orientation uint16) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture(), &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	photo := withSegment(b.Bytes(), 0xe1, append([]byte("Exif\x00\x00"), exif(orientation)...))
	photo = withSegment(photo, 0xe1, []byte("http://ns.adobe.com/xap/1.0/\x00<x>SecretXMP</x>"))
	photo = withSegment(photo, 0xed, []byte("Photoshop 3.0\x00SecretIPTC"))
	photo = withSegment(photo, 0xfe, []byte("SecretComment"))
	return append(photo, "SecretTrailer"...)
}

func pngOf(t testing.TB, orientation uint16) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, picture()); err != nil {
		t.Fatal(err)
	}
	raw := b.Bytes()
	head, rest := raw[:33], raw[33:]
	out := append([]byte{}, head...)
	out = appendPNG(out, "tEXt", []byte("Author\x00SecretText"))
	out = appendPNG(out, "eXIf", exif(orientation))
	out = append(out, rest...)
	return append(out, "SecretTrailer"...)
}

// webpOf is an extended WebP whose lossless picture is not real: the chunks are what is tested.
func webpOf() []byte {
	chunk := func(name string, body []byte) []byte {
		b := append([]byte(name), 0, 0, 0, 0)
		binary.LittleEndian.PutUint32(b[4:], uint32(len(body)))
		b = append(b, body...)
		if len(body)%2 == 1 {
			b = append(b, 0)
		}
		return b
	}
	body := []byte("WEBP")
	body = append(body, chunk("VP8X", []byte{0x08 | 0x04 | 0x10, 0, 0, 0, 39, 0, 0, 19, 0, 0})...)
	body = append(body, chunk("VP8L", []byte{0x2f, 39, 0xc0, 0x04, 0, 1, 2})...)
	body = append(body, chunk("EXIF", exif(1))...)
	body = append(body, chunk("XMP ", []byte("SecretXMP"))...)
	out := append([]byte("RIFF"), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(body)))
	return append(append(out, body...), "SecretTrailer"...)
}

func TestWhatAPhotoTellsIsReadAndThenCutOut(t *testing.T) {
	t.Parallel()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		raw           []byte
		width, height int
	}{
		"JPEG":             {jpegOf(t, 1), 40, 20},
		"JPEG on its side": {jpegOf(t, 6), 20, 40},
		"PNG":              {pngOf(t, 1), 40, 20},
		"PNG on its side":  {pngOf(t, 8), 20, 40},
		"WebP":             {webpOf(), 40, 20},
	} {
		saved, err := s.Put(bytes.NewReader(c.raw))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if saved.Width != c.width || saved.Height != c.height {
			t.Errorf("%s: %d × %d", name, saved.Width, saved.Height)
		}
		if saved.TakenAt == nil || !saved.TakenAt.Equal(time.Date(2026, 11, 22, 1, 30, 0, 0, time.UTC)) {
			t.Errorf("%s: taken %v", name, saved.TakenAt)
		}
		if p := saved.Point; p == nil || p[0] < 114.2049 || p[0] > 114.2051 || p[1] < 22.6099 || p[1] > 22.6101 {
			t.Errorf("%s: place %v", name, p)
		}
		f, err := s.Get(saved.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		clean, _ := io.ReadAll(f)
		f.Close()
		if bytes.Contains(clean, []byte("Secret")) || bytes.Contains(clean, []byte("2026:11:22")) {
			t.Errorf("%s: something is left", name)
		}
		again, err := s.Put(bytes.NewReader(clean))
		if err != nil || again.SHA256 != saved.SHA256 || again.TakenAt != nil || again.Point != nil || again.Width != saved.Width {
			t.Errorf("%s: cleaning twice changes it: %v", name, err)
		}
		if name != "WebP" {
			img, _, err := image.Decode(bytes.NewReader(clean))
			if err != nil {
				t.Errorf("%s: cannot be read any more: %v", name, err)
			} else if r, _, _, _ := img.At(20, 2).RGBA(); r < 0x8000 {
				t.Errorf("%s: the pixels changed", name)
			}
		}
	}
}

func TestThumbnailsStandUpright(t *testing.T) {
	t.Parallel()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	// where the red half of the stored picture (above) is seen
	for orientation, red := range map[uint16]string{1: "above", 2: "above", 3: "below", 4: "below", 5: "left", 6: "right", 7: "right", 8: "left"} {
		saved, err := s.Put(bytes.NewReader(jpegOf(t, orientation)))
		if err != nil {
			t.Fatal(err)
		}
		f, mime, err := s.Thumbnail(saved.SHA256, saved.Mime, 100)
		if err != nil || mime != "image/jpeg" {
			t.Fatal(err, mime)
		}
		img, err := jpeg.Decode(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		b := img.Bounds()
		if b.Dx() != saved.Width || b.Dy() != saved.Height {
			t.Errorf("orientation %d: %v", orientation, b)
		}
		isRed := func(x, y int) bool { r, _, bl, _ := img.At(x, y).RGBA(); return r > bl }
		seen := map[[4]bool]string{{true, true, false, false}: "above", {false, false, true, true}: "below", {true, false, true, false}: "left", {false, true, false, true}: "right"}
		w, h := b.Dx()-3, b.Dy()-3
		if got := seen[[4]bool{isRed(2, 2), isRed(w, 2), isRed(2, h), isRed(w, h)}]; got != red {
			t.Errorf("orientation %d: red is %q, should be %q", orientation, got, red)
		}
	}
}

func TestWhatIsNoPhotoIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	huge := pngOf(t, 1)
	binary.BigEndian.PutUint32(huge[16:], 1<<19)
	binary.BigEndian.PutUint32(huge[20:], 1<<19)
	for name, raw := range map[string]string{
		"nothing": "", "SVG": `<svg xmlns="http://www.w3.org/2000/svg"/>`, "HTML": "<html>", "GIF": "GIF89a", "PDF": "%PDF-1.7",
		"a JPEG cut in its header": string(jpegOf(t, 1)[:60]), "a PNG cut": string(pngOf(t, 1)[:200]), "a WebP cut": string(webpOf()[:40]),
		"a PNG of a bomb's size": string(huge), "too large": "\xff\xd8\xff" + strings.Repeat("x", MaxBytes),
	} {
		if _, err := s.Put(strings.NewReader(raw)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	files := 0
	_ = filepath.WalkDir(dir, func(_ string, d os.DirEntry, _ error) error {
		if !d.IsDir() {
			files++
		}
		return nil
	})
	if files != 0 {
		t.Errorf("%d files are left of what was refused", files)
	}
}

// Cleaning never panics; what it lets through it lets through again unchanged,
// and nothing of the metadata survives.
func FuzzClean(f *testing.F) {
	f.Add(jpegOf(f, 6))
	f.Add(pngOf(f, 3))
	f.Add(webpOf())
	f.Add([]byte("\xff\xd8\xff\xd9"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		clean := func(b []byte) ([]byte, Info, error) {
			switch Sniff(b) {
			case "image/jpeg":
				return cleanJPEG(b)
			case "image/png":
				return cleanPNG(b)
			case "image/webp":
				return cleanWebP(b)
			}
			return nil, Info{}, errCut
		}
		once, info, err := clean(raw)
		if err != nil {
			return
		}
		if len(once) > len(raw)+64 {
			t.Fatalf("%d bytes became %d", len(raw), len(once))
		}
		twice, again, err := clean(once)
		if err != nil {
			t.Fatalf("its own work is refused: %v", err)
		}
		if again.TakenAt != nil || again.Point != nil {
			t.Fatalf("metadata is left: %+v", again)
		}
		if !bytes.Equal(once, twice) || again.Width != info.Width || again.Orientation != info.Orientation {
			t.Fatal("cleaning twice is not cleaning once")
		}
	})
}

// Reading EXIF never panics, and reads only what can be.
func FuzzEXIF(f *testing.F) {
	f.Add(exif(6))
	f.Add(orientationTIFF(3))
	f.Fuzz(func(t *testing.T, raw []byte) {
		info := Info{Orientation: 1}
		info.read(raw)
		if info.Orientation < 1 || info.Orientation > 8 {
			t.Fatal(info.Orientation)
		}
		if p := info.Point; p != nil && !(p[0] >= -180 && p[0] <= 180 && p[1] >= -90 && p[1] <= 90) {
			t.Fatal(*p)
		}
	})
}
