package seal

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWhatIsSealedIsOpenedByItsKeyForItsPurposeAlone(t *testing.T) {
	t.Parallel()
	key, text := Fresh()
	other, _ := Fresh()
	again, err := Parse(text + "\n")
	if err != nil || again.Name() != key.Name() {
		t.Fatalf("read again: %v %v", again, err)
	}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.String().Filter(func(s string) bool { _, ok := By(s); return s != "" && !ok }).Draw(t, "value")
		sealed := key.Seal("a", value)
		if name, ok := By(sealed); !ok || name != key.Name() || len(value) > 8 && strings.Contains(sealed, value) {
			t.Fatalf("sealed as %q", sealed)
		}
		if sealed == key.Seal("a", value) {
			t.Fatal("the same value is sealed the same twice")
		}
		if got, err := again.Open("a", sealed); err != nil || got != value {
			t.Fatalf("opened as %q, %v", got, err)
		}
		if _, err := key.Open("b", sealed); err == nil {
			t.Fatal("opened for another purpose")
		}
		if _, err := other.Open("a", sealed); !errors.Is(err, ErrOtherKey) {
			t.Fatalf("opened by another key: %v", err)
		}
		if got, err := key.Open("a", value); err != nil || got != value {
			t.Fatalf("what was never sealed: %q, %v", got, err)
		}
		at := rapid.IntRange(len(mark)+9, len(sealed)-2).Draw(t, "at")
		flip := byte('A')
		if sealed[at] == 'A' {
			flip = 'B'
		}
		if _, err := key.Open("a", sealed[:at]+string(flip)+sealed[at+1:]); err == nil {
			t.Fatal("a changed value was opened")
		}
	})
	if key.Seal("a", "") != "" {
		t.Error("nothing is sealed as something")
	}
}

func TestHowAKeyIsWritten(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{
		hex.EncodeToString(make([]byte, 32)):           true,
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=": true,
		"AAAA":                               false,
		"geheim":                             false,
		"":                                   false,
		hex.EncodeToString(make([]byte, 16)): false,
	} {
		if _, err := Parse(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}
