package simulate

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/paulmach/orb"
)

// NewToken makes a device's secret and what the database keeps of it.
func NewToken() (token string, hash [32]byte, prefix string) {
	var b [32]byte
	rand.Read(b[:]) // never fails
	token = "gw_" + base64.RawURLEncoding.EncodeToString(b[:])
	return token, sha256.Sum256([]byte(token)), token[:9]
}

// TokensHelp is the documented heading of a tokens file.
const TokensHelp = "a CSV with the heading ident,token,protocol and, if known, lon,lat,grid"

// ReadTokens reads a tokens file: who may be simulated.
func ReadTokens(path string) ([]Phone, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	phones, err := parseTokens(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return phones, nil
}

func parseTokens(in io.Reader) ([]Phone, error) {
	r := csv.NewReader(in)
	r.FieldsPerRecord = -1
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("want %s: %w", TokensHelp, err)
	}
	at := map[string]int{}
	for i, name := range head {
		at[strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))] = i
	}
	for _, must := range []string{"ident", "token"} {
		if _, ok := at[must]; !ok {
			return nil, fmt.Errorf("line 1: no column %q; want %s", must, TokensHelp)
		}
	}
	var phones []Phone
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return phones, nil
		}
		if err != nil {
			return nil, err
		}
		cell := func(name string) string {
			if i, ok := at[name]; ok && i < len(row) {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		line, _ := r.FieldPos(0)
		p := Phone{Ident: cell("ident"), Token: cell("token"), Protocol: cell("protocol"), Block: cell("grid")}
		if p.Protocol == "" {
			p.Protocol = "native"
		}
		if p.Ident == "" || p.Token == "" {
			return nil, fmt.Errorf("line %d: ident and token must not be empty", line)
		}
		if p.Protocol != "native" && p.Protocol != "osmand" && p.Protocol != "owntracks" {
			return nil, fmt.Errorf("line %d: protocol %q; native, osmand and owntracks are known", line, p.Protocol)
		}
		if lon, lat := cell("lon"), cell("lat"); lon != "" || lat != "" {
			x, err1 := strconv.ParseFloat(lon, 64)
			y, err2 := strconv.ParseFloat(lat, 64)
			if errors.Join(err1, err2) != nil {
				return nil, fmt.Errorf("line %d: lon %q, lat %q are no numbers", line, lon, lat)
			}
			p.Start = orb.Point{x, y}
		}
		phones = append(phones, p)
	}
}

// WriteTokens writes a tokens file that ReadTokens reads, for its owner only.
func WriteTokens(path string, phones []Phone) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	_ = w.Write([]string{"ident", "token", "protocol", "lon", "lat", "grid"}) // Error below tells
	for _, p := range phones {
		lon, lat := "", ""
		if p.Start != (orb.Point{}) {
			lon, lat = strconv.FormatFloat(p.Start[0], 'f', 6, 64), strconv.FormatFloat(p.Start[1], 'f', 6, 64)
		}
		_ = w.Write([]string{p.Ident, p.Token, p.Protocol, lon, lat, p.Block})
	}
	w.Flush()
	return errors.Join(w.Error(), f.Close())
}

// Mix deals protocols to n phones: one name for all, or "mixed".
func Mix(protocol string, n int) ([]string, error) {
	deal := []string{protocol}
	switch protocol {
	case "native", "osmand", "owntracks":
	case "mixed":
		deal = []string{"native", "osmand", "native", "owntracks", "native"}
	default:
		return nil, fmt.Errorf("protocol %q: want native, osmand, owntracks or mixed", protocol)
	}
	all := make([]string, n)
	for i := range all {
		all[i] = deal[i%len(deal)]
	}
	return all, nil
}
