package intake

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// textOf finds out how text is encoded: as the code page says, else UTF-8 if
// all of sample is, else GBK (which GB 18030 contains). Broken characters
// become U+FFFD.
func textOf(sample []byte, codepage string) (decode func([]byte) string, err error) {
	cp := strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(codepage))
	switch {
	case strings.Contains(cp, "utf8"), cp == "65001":
		return func(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }, nil
	case strings.Contains(cp, "936"), strings.HasPrefix(cp, "gb"):
		return gbk, nil
	case cp == "" && utf8.Valid(sample):
		return func(b []byte) string { return string(b) }, nil
	case cp == "", strings.Contains(cp, "8859"), strings.Contains(cp, "1252"), cp == "ansi":
		return gbk, nil // a label that Chinese desktops write without meaning it
	}
	return nil, fmt.Errorf("the code page %q is not known: use UTF-8 or GBK", codepage)
}

func gbk(b []byte) string {
	s, err := simplifiedchinese.GB18030.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(s)
}

// UTF8 returns a file that somebody uploaded as UTF-8, whether it was that or
// GBK, without a byte order mark.
func UTF8(data []byte) []byte { return utf8Of(data) }

// utf8Of returns a whole file as UTF-8, without a byte order mark.
func utf8Of(data []byte) []byte {
	if bom := []byte("\xef\xbb\xbf"); bytes.HasPrefix(data, bom) {
		return data[len(bom):]
	}
	if utf8.Valid(data) {
		return data
	}
	return []byte(gbk(data))
}
