package territory

import (
	"strings"
	"unicode"

	"github.com/mozillazg/go-pinyin"
)

// Initials are the first letters of a name as one types them to find it:
// 翠湖社区第3网格 → chsqd3wg. Letters and digits stay, all else goes. Characters
// with several readings count with their commonest one.
func Initials(name string) string {
	var b strings.Builder
	args := pinyin.Args{Style: pinyin.FirstLetter}
	for _, r := range name {
		switch {
		case unicode.Is(unicode.Han, r):
			if s := pinyin.SinglePinyin(r, args); len(s) > 0 {
				b.WriteString(s[0])
			}
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

// Pinyin is a name in full as one types it without spaces or tones: 湖畔苑 →
// hupanyuan. Letters and digits stay, all else goes.
func Pinyin(name string) string {
	var b strings.Builder
	args := pinyin.Args{Style: pinyin.Normal}
	for _, r := range name {
		switch {
		case unicode.Is(unicode.Han, r):
			if s := pinyin.SinglePinyin(r, args); len(s) > 0 {
				b.WriteString(s[0])
			}
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}
