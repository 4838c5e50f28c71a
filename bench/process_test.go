package main

import (
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const rest = " S 1 2 2 0 -1 4194304 100 0 0 0 250 30 0 0 20 0 8 0 1000 1 1"
	tests := []struct {
		name, stat string
		want       time.Duration
		fails      bool
	}{
		{name: "user and system time", stat: "42 (cardea)" + rest, want: 2800 * time.Millisecond},
		{name: "a program name with spaces and parentheses", stat: "42 (a (b) c)" + rest, want: 2800 * time.Millisecond},
		{name: "too short", stat: "42 (cardea) S 1 2", fails: true},
		{name: "not a number", stat: "42 (cardea) S 1 2 2 0 -1 4194304 100 0 0 0 x 30 0", fails: true},
		{name: "empty", fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseStat([]byte(test.stat))
			if got != test.want || (err != nil) != test.fails {
				t.Errorf("got %v, %v; want %v", got, err, test.want)
			}
		})
	}
}

func TestStatusBytes(t *testing.T) {
	status := []byte("Name:\tcardea\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\n")
	if got, err := statusBytes(status, "VmRSS:"); got != 10<<20 || err != nil {
		t.Errorf("got %d, %v; want 10 MiB", got, err)
	}
	if _, err := statusBytes(status, "VmSwap:"); err == nil {
		t.Error("a missing line was not reported")
	}
}
