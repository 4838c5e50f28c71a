package account

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cardea/internal/config"
)

// themeOf writes the custom properties that an operator sets as a style sheet: the
// configuration's schema sees to it that they are no more than that.
func themeOf(s *config.Snapshot) string {
	var b strings.Builder
	theme := &s.Cardea.Account.Theme
	if rule := properties(theme.Light); rule != "" {
		// Dark values that are not set stay ours.
		fmt.Fprintf(&b, "@media (prefers-color-scheme: light) { :root { %s} }\n", rule)
	}
	if rule := properties(theme.Dark); rule != "" {
		fmt.Fprintf(&b, "@media (prefers-color-scheme: dark) { :root { %s} }\n", rule)
	}
	return b.String()
}

func properties(values map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&b, "--%s: %s; ", strings.ReplaceAll(name, "_", "-"), values[name])
	}
	return b.String()
}
