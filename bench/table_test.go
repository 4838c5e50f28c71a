package main

import (
	"testing"
	"time"
)

func TestTableAlignsNamesLeftAndFiguresRight(t *testing.T) {
	got := table([]string{"operation", "p50"}, [][]string{
		{"whoami", "85 µs"},
		{"a much longer name", "1.20 ms"},
	})
	want := "" +
		"| operation          |     p50 |\n" +
		"| ------------------ | ------: |\n" +
		"| whoami             |   85 µs |\n" +
		"| a much longer name | 1.20 ms |\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestFormats(t *testing.T) {
	tests := []struct{ name, got, want string }{
		{"slow rate", formatRate(4.321), "4.32"},
		{"rate below a hundred", formatRate(47.26), "47.3"},
		{"rate of three digits", formatRate(770.4), "770"},
		{"large rate, rounded", formatRate(40_949), "40,900"},
		{"rate that rounds up to another digit", formatRate(99_960), "100,000"},
		{"count", formatCount(1_234_567), "1,234,567"},
		{"count of three digits", formatCount(123), "123"},
		{"no count", formatCount(0), "0"},
		{"microseconds", formatLatency(85 * time.Microsecond), "85 µs"},
		{"milliseconds", formatLatency(1204 * time.Microsecond), "1.20 ms"},
		{"many milliseconds", formatLatency(345 * time.Millisecond), "345 ms"},
		{"seconds", formatLatency(10_700 * time.Millisecond), "10.70 s"},
		{"ratio", formatRatio(0.823), "0.82"},
		{"small ratio", formatRatio(0.0049), "0.0049"},
		{"bytes", formatBytes(15 << 19), "7.5 MiB"},
		{"failures", formatFailures(map[string]uint64{"timeout": 2, "status 429": 1200}), "1,200 × status 429, 2 × timeout"},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, test.got, test.want)
		}
	}
}
