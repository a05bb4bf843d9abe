// Package blob keeps photos: files named by the SHA-256 of their bytes, in a
// local directory, on disk before their row is committed.
//
// Nothing that came from a phone is stored as it came. The type is sniffed from
// the bytes and must be JPEG, PNG or WebP (an SVG is a program); place and time
// are read from the EXIF, then every piece of metadata is cut out, without
// touching the pixels. Only the orientation stays, since without it the
// picture lies on its side.
package blob

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fault"
)

// MaxBytes bounds one photo, MaxPixels what is ever decoded.
const (
	MaxBytes  = 20 << 20
	MaxPixels = 60_000_000
)

// Store is a directory of photos.
type Store struct {
	dir    string
	decode chan struct{} // decoding takes memory: one thumbnail at a time per core is plenty
}

// Open makes the directory if need be and returns the store in it.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the photo store: %w", err)
	}
	return &Store{dir: dir, decode: make(chan struct{}, 2)}, nil
}

// Saved is what is known of a photo that is safely on disk.
type Saved struct {
	SHA256  [32]byte
	Size    int64
	Mime    string
	Width   int // as shown, after orientation
	Height  int
	TakenAt *time.Time // from its EXIF
	Point   *orb.Point // from its EXIF
}

// Put reads a photo, cleans it and stores it. It returns when the bytes and
// their directory entry are synced. The same photo again costs no space.
func (s *Store) Put(r io.Reader) (Saved, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return Saved{}, fault.Because(err, fault.Invalid, "照片没有传完，请重新上传")
	}
	if len(raw) > MaxBytes {
		return Saved{}, fault.New(fault.Invalid, "照片太大，最大 %d MB", MaxBytes>>20)
	}
	mime := Sniff(raw)
	var (
		clean []byte
		info  Info
	)
	switch mime {
	case "image/jpeg":
		clean, info, err = cleanJPEG(raw)
	case "image/png":
		clean, info, err = cleanPNG(raw)
	case "image/webp":
		clean, info, err = cleanWebP(raw)
	default:
		return Saved{}, fault.New(fault.Invalid, "只能上传 JPEG、PNG 或 WebP 照片")
	}
	if err != nil {
		return Saved{}, fault.Because(err, fault.Invalid, "照片文件已损坏，无法读取")
	}
	if info.Width <= 0 || info.Height <= 0 || info.Width*info.Height > MaxPixels {
		return Saved{}, fault.New(fault.Invalid, "照片的尺寸无法接受")
	}
	out := Saved{SHA256: sha256.Sum256(clean), Size: int64(len(clean)), Mime: mime, Width: info.Width, Height: info.Height, TakenAt: info.TakenAt, Point: info.Point}
	if info.Orientation >= 5 {
		out.Width, out.Height = info.Height, info.Width
	}
	return out, s.write(s.path(out.SHA256, ""), clean)
}

// Get opens a photo.
func (s *Store) Get(sum [32]byte) (*os.File, error) {
	f, err := os.Open(s.path(sum, ""))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Because(err, fault.Missing, "照片文件不在了")
	}
	if err != nil {
		return nil, fmt.Errorf("open a photo: %w", err)
	}
	return f, nil
}

func (s *Store) path(sum [32]byte, suffix string) string {
	name := hex.EncodeToString(sum[:])
	return filepath.Join(s.dir, name[:2], name+suffix)
}

// write puts b at path: written beside it, synced, renamed, and the directory
// synced, so that after a power cut the file is whole or not there at all.
func (s *Store) write(path string, b []byte) error {
	if info, err := os.Stat(path); err == nil && info.Size() == int64(len(b)) {
		return syncDir(filepath.Dir(path)) // whoever wrote it may not have come that far
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("store a photo: %w", err)
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("store a photo: %w", err)
	}
	_, err = io.Copy(f, bytes.NewReader(b))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("store a photo: %w", err)
	}
	return errors.Join(syncDir(dir), syncDir(s.dir))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync the photo store: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync the photo store: %w", err)
	}
	return nil
}

// Sniff names the type of the bytes, "" when it is none we take.
func Sniff(b []byte) string {
	switch {
	case len(b) > 3 && b[0] == 0xff && b[1] == 0xd8 && b[2] == 0xff:
		return "image/jpeg"
	case bytes.HasPrefix(b, []byte(pngMagic)):
		return "image/png"
	case len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return "image/webp"
	}
	return ""
}
