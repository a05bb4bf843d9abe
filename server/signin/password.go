package signin

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/gridward/gridward/server/fault"
)

// What a new hash costs: 19 MiB, two passes, one lane. A stored hash carries
// its own figures, so that raising these leaves old passwords valid.
const (
	memoryKiB = 19 * 1024
	passes    = 2
	lanes     = 1
	keyBytes  = 32
	saltBytes = 16
)

// HashPassword returns the argon2id hash of a password as a PHC string.
func HashPassword(password string) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	key := argon2.IDKey([]byte(password), salt, passes, memoryKiB, lanes, keyBytes)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memoryKiB, passes, lanes, b64.EncodeToString(salt), b64.EncodeToString(key))
}

// matches reports whether the password belongs to the PHC string. Figures
// beyond what this house would ever store are refused before any work is done.
func matches(phc, password string) (bool, error) {
	var (
		version      int
		memory, time uint32
		threads      uint8
	)
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return false, fmt.Errorf("the stored password is no argon2id string")
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, fmt.Errorf("the stored password is of argon2 version %q", parts[2])
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads); err != nil || memory > 1<<20 || time == 0 || time > 64 || threads == 0 {
		return false, fmt.Errorf("the stored password has the parameters %q", parts[3])
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil || len(salt) < 8 {
		return false, fmt.Errorf("the stored password has a bad salt")
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) < 16 || len(want) > 128 {
		return false, fmt.Errorf("the stored password has a bad key")
	}
	got := argon2.IDKey([]byte(password), salt, time, memory, threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// CheckPassword refuses passwords that are too easy: shorter than ten
// characters, of fewer than three kinds of characters, or holding the login.
func CheckPassword(login, password string) error {
	n := utf8.RuneCountInString(password)
	wrong := ""
	switch {
	case n < 10:
		wrong = "密码至少 10 个字符"
	case n > 128:
		wrong = "密码最多 128 个字符"
	case kinds(password) < 3:
		wrong = "密码须包含大写字母、小写字母、数字、其他字符中的至少三种"
	case len(login) >= 3 && strings.Contains(strings.ToLower(password), strings.ToLower(login)):
		wrong = "密码不能包含登录名"
	default:
		return nil
	}
	return fault.New(fault.Invalid, "%s", wrong).At("new")
}

func kinds(s string) int {
	var upper, lower, digit, other int
	for _, r := range s {
		switch {
		case r >= 'A' && r <= 'Z':
			upper = 1
		case r >= 'a' && r <= 'z':
			lower = 1
		case r >= '0' && r <= '9':
			digit = 1
		default:
			other = 1
		}
	}
	return upper + lower + digit + other
}
