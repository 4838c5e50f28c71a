package audit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/audit"
	"cardea/internal/clock"
)

// desk is where failures are collected, with a clock that stands still.
type desk struct {
	*audit.Failures
	clock   *clock.Fake
	written []audit.Entry
	refuse  error
}

func newDesk(limit int) *desk {
	d := &desk{clock: clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))}
	d.Failures = &audit.Failures{
		Write: func(_ context.Context, all []audit.Entry) error {
			if d.refuse == nil {
				d.written = append(d.written, all...)
			}
			return d.refuse
		},
		Now: d.clock.Now, NewID: uuid.New, Limit: func() int { return limit },
	}
	return d
}

func (d *desk) fail(ip string) {
	d.Add(audit.Entry{Action: "login.failed", Outcome: audit.Failure, IP: ip, Actor: audit.Anonymous, Details: audit.Details{Flow: uuid.NewString(), Method: "password"}.JSON()},
		audit.Details{Method: "password"})
}

func (d *desk) flush(t *testing.T) (told []string) {
	t.Helper()
	d.written = nil
	if err := d.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, e := range d.written {
		told = append(told, fmt.Sprintf("%s %s %d", e.Action, e.IP, e.Times))
	}
	slices.Sort(told)
	return told
}

func TestTheFirstFailureOfAKindIsWrittenAndTheOthersOfTheMinuteAreCounted(t *testing.T) {
	d := newDesk(100)
	d.fail("192.0.2.1")
	d.fail("192.0.2.1")
	d.fail("192.0.2.2")
	if got := d.flush(t); !slices.Equal(got, []string{"login.failed 192.0.2.1 1", "login.failed 192.0.2.2 1"}) {
		t.Errorf("at first %v", got)
	}
	d.fail("192.0.2.1")
	if got := d.flush(t); got != nil {
		t.Errorf("within the minute %v", got)
	}
	d.clock.Advance(time.Minute)
	if got := d.flush(t); !slices.Equal(got, []string{"login.failed 192.0.2.1 2"}) {
		t.Errorf("after it %v", got)
	}
	d.fail("192.0.2.1")
	if got := d.flush(t); !slices.Equal(got, []string{"login.failed 192.0.2.1 1"}) {
		t.Errorf("in the next %v", got)
	}
}

func TestAFloodCostsNoMoreRowsThanTheLimit(t *testing.T) {
	d := newDesk(10)
	for n := range 20000 {
		d.fail(fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255))
	}
	if got := d.flush(t); len(got) != 11 {
		t.Errorf("%d rows at once", len(got))
	}
	if err := d.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var times int64
	for _, e := range d.written {
		times += e.Times
	}
	if len(d.written) != 12 || times != 20000 {
		t.Errorf("%d rows tell of %d failures", len(d.written), times)
	}
}

func TestFailuresThatCannotBeWrittenAreKeptForTheNextTimeAndStayBounded(t *testing.T) {
	d := newDesk(10)
	d.refuse = errors.New("the database is away")
	d.fail("192.0.2.1")
	if d.Flush(t.Context()) == nil {
		t.Error("nobody is told")
	}
	d.refuse = nil
	if got := d.flush(t); len(got) != 1 {
		t.Errorf("written %v", got)
	}
	d.refuse = errors.New("the database is away")
	for range 100 {
		d.clock.Advance(2 * time.Minute)
		for n := range 20 {
			d.fail(fmt.Sprint(n))
		}
		_ = d.Flush(t.Context())
	}
	d.refuse = nil
	if got := d.flush(t); len(got) > 100 {
		t.Errorf("%d rows were kept", len(got))
	}
}

func TestIDsAreOrderedAsTimesAre(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var last uuid.UUID
	for n := range 5000 {
		id := audit.NewID(at.Add(time.Duration(n)*time.Microsecond), uuid.New())
		if slices.Compare(last[:], id[:]) >= 0 {
			t.Fatalf("%s comes after %s", id, last)
		}
		if id.Version() != 7 || id.Variant() != uuid.RFC4122 {
			t.Fatalf("%s is no UUID of version 7", id)
		}
		last = id
	}
}

func TestEveryFieldOfARowIsInItsHash(t *testing.T) {
	base := audit.Entry{
		ID: uuid.New(), At: time.UnixMicro(1), Action: "a", Outcome: "b", Actor: "c", Identity: uuid.New(), Session: uuid.New(),
		Request: "d", IP: "e", UserAgent: "f", Times: 1, Details: []byte(`{}`),
	}
	before := make([]byte, 32)
	hash := string(audit.Next(before, 1, 1, &base))
	for name, change := range map[string]func(*audit.Entry){
		"id": func(e *audit.Entry) { e.ID = uuid.New() }, "time": func(e *audit.Entry) { e.At = time.UnixMicro(2) },
		"action": func(e *audit.Entry) { e.Action = "ab"; e.Outcome = "" }, "outcome": func(e *audit.Entry) { e.Outcome = "x" },
		"actor": func(e *audit.Entry) { e.Actor = "x" }, "identity": func(e *audit.Entry) { e.Identity = uuid.Nil },
		"session": func(e *audit.Entry) { e.Identity, e.Session = e.Session, e.Identity }, "request": func(e *audit.Entry) { e.Request = "x" },
		"address": func(e *audit.Entry) { e.IP, e.UserAgent = "ef", "" }, "user agent": func(e *audit.Entry) { e.UserAgent = "x" },
		"times": func(e *audit.Entry) { e.Times = 2 }, "details": func(e *audit.Entry) { e.Details = nil },
	} {
		changed := base
		change(&changed)
		if string(audit.Next(before, 1, 1, &changed)) == hash {
			t.Errorf("the %s is not", name)
		}
	}
	if string(audit.Next(before, 2, 1, &base)) == hash || string(audit.Next(before, 1, 2, &base)) == hash || string(audit.Next([]byte(hash), 1, 1, &base)) == hash {
		t.Error("tenant, place and the hash before are not all")
	}
}

// await polls with the patience that a busy machine needs.
func await(t *testing.T, done func() bool) {
	t.Helper()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for begun := time.Now(); !done(); <-poll.C {
		if time.Since(begun) > 2*time.Minute {
			t.Fatal("it does not happen")
		}
	}
}
