package password

import (
	"strings"
	"testing"
)

// FuzzRange feeds what a service of breached passwords answers.
func FuzzRange(f *testing.F) {
	suffix := strings.Repeat("A", rangeSuffix)
	for _, seed := range []string{"", suffix + ":1\r\n", suffix + ":0\n" + strings.ToLower(suffix) + ":3", suffix + ":-1", suffix + ":99999999999999999999", ":", "\n\n", suffix, suffix + ":1:2", "\x00:1", strings.Repeat("A", rangeSuffix-2) + "\u017f:1"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := parseRange(body)
		if err != nil && r != nil {
			t.Errorf("%q cannot be read and lists %d", body, len(r))
		}
		for _, one := range r {
			if text := string(one.suffix[:]); text != strings.ToUpper(text) || r.count(text) < 0 {
				t.Errorf("%q lists %q", body, text)
			}
		}
	})
}
