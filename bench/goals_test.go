package main

import (
	"strings"
	"testing"
	"time"
)

func TestTheGoalsOfTwoRunsStandSideBySide(t *testing.T) {
	embedded := reportJSON{
		Limits: []rowJSON{{Name: "bare", ServerCPU: 0.01}},
		Targets: []targetJSON{{Start: 250, Idle: 20e6, Operations: []rowJSON{
			{Name: "whoami-token", PerSecond: 20_000, Ratio: 0.5, ServerCPU: 0.021, P99: 4, Goal: "≥ 0.55 of bare, CPU ≤ 2.2 × bare, p99 < 10.00 ms", Verdict: "**not**: 0.91 of it"},
			{Name: "logout", PerSecond: 6_000, Goal: "≥ 5,000", Verdict: "met"},
		}}},
	}
	postgres := reportJSON{Targets: []targetJSON{{Operations: []rowJSON{
		{Name: "whoami-token", PerSecond: 9_000, Goal: "≥ 6,960", Verdict: "met"},
		{Name: "logout", PerSecond: 3_000, Goal: absent, Verdict: absent},
	}}}}
	var b strings.Builder
	writeGoals(&b, embedded, postgres)
	lines := strings.Split(b.String(), "\n")
	cells := func(line string) string {
		parts := strings.Split(line, "|")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		return strings.Join(parts[1:len(parts)-1], "|")
	}
	for i, want := range []string{
		"whoami by token|≥ 0.55 of bare, CPU ≤ 2.2 × bare, p99 < 10.00 ms|20,000/s, 0.50 of bare, CPU 2.1 × bare, p99 4.00 ms|**not**: 0.91 of it|≥ 6,960|9,000/s|met",
		"logout, native|≥ 5,000|6,000/s|met|–|–|–",
		"cold start to ready|≤ " + formatLatency(100*time.Millisecond) + "|250 ms|**not**: 2.50 of it|–|–|–",
		"memory, idle|≤ 40 MB|19.1 MiB|met|–|–|–",
	} {
		if got := cells(lines[i+2]); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}
