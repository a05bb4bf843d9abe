package access

import (
	"regexp"
	"strings"
)

// digits finds runs that may be a citizen's number, a telephone or a bank card.
var digits = regexp.MustCompile(`[0-9]{10,20}[0-9Xx]?`)

// MaskText hides in free text what must not stand on a shared wall: 18-digit
// citizen numbers with a good checksum, mobile telephones, and bank cards that
// pass Luhn. Other long numbers (grid codes, case numbers) stay as they are.
func MaskText(s string) string {
	return digits.ReplaceAllStringFunc(s, func(n string) string {
		switch {
		case len(n) == 18 && citizenNumber(n):
			return n[:4] + strings.Repeat("*", 10) + n[14:]
		case len(n) == 11 && n[0] == '1' && n[1] >= '3' && n[10] != 'X' && n[10] != 'x':
			return n[:3] + "****" + n[7:]
		case len(n) >= 16 && len(n) <= 19 && luhn(n):
			return n[:4] + strings.Repeat("*", len(n)-8) + n[len(n)-4:]
		}
		return n
	})
}

func citizenNumber(n string) bool {
	const check = "10X98765432"
	weights := [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, w := range weights {
		if n[i] < '0' || n[i] > '9' {
			return false
		}
		sum += int(n[i]-'0') * w
	}
	last := n[17]
	if last == 'x' {
		last = 'X'
	}
	return check[sum%11] == last
}

func luhn(n string) bool {
	sum := 0
	for i := 0; i < len(n); i++ {
		c := n[len(n)-1-i]
		if c < '0' || c > '9' {
			return false
		}
		d := int(c - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
