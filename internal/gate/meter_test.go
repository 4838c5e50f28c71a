package gate_test

import (
	"testing"
	"time"

	"cardea/internal/gate"
)

func TestAMeterCountsInWindows(t *testing.T) {
	m, now, here := gate.NewMeter(), time.Unix(1000, 0), gate.Key{1}
	for want := range 3 {
		if got := m.Seen(here, now); got != want {
			t.Errorf("%d, want %d", got, want)
		}
		m.Count(here, time.Minute, now)
	}
	if got := m.Seen(gate.Key{2}, now); got != 0 {
		t.Errorf("somebody else has %d", got)
	}
	over := now.Add(time.Minute)
	if got := m.Seen(here, over); got != 0 {
		t.Errorf("after the window: %d", got)
	}
	m.Count(here, time.Minute, over)
	if got := m.Seen(here, over); got != 1 {
		t.Errorf("in the next window: %d", got)
	}
}

func TestMemoryOfAMeterIsBounded(t *testing.T) {
	m, now := gate.NewMeter(), time.Unix(1000, 0)
	for n := range 200_000 {
		m.Count(gate.Key{byte(n), byte(n >> 8), byte(n >> 16)}, time.Minute, now)
	}
	if got := m.Len(); got > 1<<15 {
		t.Errorf("%d are remembered", got)
	}
}
