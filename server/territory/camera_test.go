package territory

import "testing"

func TestNationalNumbersOfCameras(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		id string
		ok bool
	}{
		"a camera":                {"99010102001320000001", true},
		"a channel of a recorder": {"99010102001180000001", true},
		"a digit short":           {"9901010200132000001", false},
		"a letter":                {"9901010200132000000X", false},
		"full-width digits":       {"９9010102001320000001"[:20], false},
		"a platform":              {"99010102002000000001", false},
		"no division":             {"00010102001320000001", false},
	} {
		if _, wrong := ParseGBID(c.id); (wrong == "") != c.ok {
			t.Errorf("%s: %q", name, wrong)
		}
	}
	if id, _ := ParseGBID("99010102011320000007"); id != (GBID{"99010102", "01", "132", "0", "000007"}) {
		t.Errorf("%+v", id)
	}
}

func TestStreamNames(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{"99010102001320000001": true, "rtp/3402_1-a.b": true, "": false, "../x": false, "a/../b": false, "a//b": false, "/a": false, "a b": false, "a?b": false, "a%2e": false, "a/.": false, "中": false} {
		if got := StreamName(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}
