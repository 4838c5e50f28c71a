package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// testOptions measure the fake server, briefly.
func testOptions(t *testing.T) options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return options{binary: self, duration: 150 * time.Millisecond, slow: 150 * time.Millisecond, rounds: 1, cost: 4, connections: 4, people: 8, identities: 1200, dir: t.TempDir()}
}

func TestExperimentMeasuresEverythingOfBothServers(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	o.compare, o.json = o.binary, true
	var out, progress bytes.Buffer
	if err := run(t.Context(), o, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	var got reportJSON
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	checkRows(t, got.Limits, []string{"bare", "bcrypt", "fsync"})
	if len(got.Targets) != 2 {
		t.Fatalf("%d servers in the report, want 2", len(got.Targets))
	}
	for _, target := range got.Targets {
		var want []string
		for _, op := range operations() {
			want = append(want, op.name)
		}
		checkRows(t, target.Operations, want)
		if m := target.Mixed; m == nil || len(m.Whoami.Errors)+len(m.Logins.Errors)+len(m.Registrations.Errors) > 0 {
			t.Errorf("mixed scenario: %+v", m)
		}
		if len(target.Starts) != startRepeats || target.Start <= 0 || target.Size <= 0 {
			t.Errorf("starts %v, median %v, size %d", target.Starts, target.Start, target.Size)
		}
		if runtime.GOOS == "linux" && (target.Idle <= 0 || target.Peak < target.Idle) {
			t.Errorf("memory after start %d, peak %d", target.Idle, target.Peak)
		}
	}
	if left, _ := os.ReadDir(o.dir); len(left) > 0 {
		t.Errorf("files left behind: %v", left)
	}
}

func checkRows(t *testing.T, rows []rowJSON, want []string) {
	t.Helper()
	var got []string
	for _, row := range rows {
		got = append(got, row.Name)
		if row.Name == "alive" && row.PerSecond <= 0 || len(row.Errors) > 0 { // a slow machine imports nobody in so short a time
			t.Errorf("%s: %v per second, errors %v", row.Name, row.PerSecond, row.Errors)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("measured %v, want %v", got, want)
	}
}

func TestExperimentMeasuresOnlyWhatIsSelected(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	o.only = selection{"alive": true}
	var out bytes.Buffer
	if err := run(t.Context(), o, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, op := range labels() {
		if shown := strings.Contains(out.String(), op.title); shown != (op.name == "alive") {
			t.Errorf("%s shown: %t", op.name, shown)
		}
	}
}

func TestExperimentNeedsNoServerForTheLimits(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	o.binary = filepath.Join(o.dir, "missing")
	o.only = selection{"bcrypt": true}
	if err := run(t.Context(), o, io.Discard, io.Discard); err != nil {
		t.Error(err)
	}
}

func TestExperimentSaysWhyAServerDoesNotStart(t *testing.T) {
	for name, script := range map[string]string{
		"migration fails": "#!/bin/sh\necho the reason; exit 3\n",
		"server ends":     "#!/bin/sh\n[ $1 = migrate ] && exit 0\necho the reason; exit 3\n",
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t)
			o.binary = filepath.Join(t.TempDir(), "server")
			if err := os.WriteFile(o.binary, []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			o.only = selection{"alive": true}
			err := run(t.Context(), o, io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), "the reason") || !strings.Contains(err.Error(), "exit status 3") {
				t.Errorf("got error %v, want the server's log and exit status", err)
			}
		})
	}
}

// cancelOn cancels when a line with the given text is written.
type cancelOn struct {
	text   string
	cancel context.CancelFunc
}

func (c cancelOn) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(c.text)) {
		c.cancel()
	}
	return len(p), nil
}

func TestExperimentInterruptedStopsItsServersAndReportsTheRest(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	o.only = selection{"alive": true, "whoami-token": true}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	e := &experiment{options: o, dir: o.dir, progress: cancelOn{"whoami by token", cancel}}
	if err := e.run(ctx); err == nil {
		t.Error("an interrupted run reported no error")
	}
	if len(e.targets) != 1 || e.targets[0].process != nil {
		t.Fatal("the server was not stopped")
	}
	if conn, err := net.Dial("tcp", e.targets[0].addr); err == nil {
		conn.Close()
		t.Error("the server still listens")
	}
	if rows := e.report.targets[0].measurements; len(rows) != 1 || rows[0].name != "alive" {
		t.Errorf("%d operations reported, want the one before the interrupt", len(rows))
	}
}

func TestReportComparesTwoServers(t *testing.T) {
	row := func(n int, cpu time.Duration) measurement {
		m := measurement{title: "an operation", window: time.Second, tally: newTally(), server: usage{time: cpu, known: true}}
		for range n {
			m.tally.latency.record(time.Millisecond)
		}
		return m
	}
	var out bytes.Buffer
	report{targets: []targetReport{
		{binary: "old", measurements: []measurement{row(100, time.Second)}},
		{binary: "new", measurements: []measurement{row(250, time.Second)}},
	}}.write(&out)
	_, comparison, _ := strings.Cut(out.String(), "Comparison")
	_, line, _ := strings.Cut(comparison, "an operation")
	want := []string{"100", "250", "2.50", "10.000", "4.000", "0.40", "1.00", "ms", "1.00", "ms"}
	if got := strings.Fields(strings.ReplaceAll(line, "|", "")); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseOptions(t *testing.T) {
	tests := []struct {
		name  string
		args  []string
		fails bool
	}{
		{name: "defaults"},
		{name: "all flags", args: []string{"-binary", "a", "-compare", "b", "-duration", "1s", "-connections", "8", "-only", "bare,mixed", "-json", "-dsn", "postgres://h/d"}},
		{name: "unknown operation", args: []string{"-only", "bare,nonsense"}, fails: true},
		{name: "two comparisons", args: []string{"-compare", "b", "-compare-identities", "5"}, fails: true},
		{name: "import on a server", args: []string{"-import", "5", "-dsn", "postgres://h/d"}, fails: true},
		{name: "no connections", args: []string{"-connections", "0"}, fails: true},
		{name: "negative duration", args: []string{"-duration", "-1s"}, fails: true},
		{name: "stray argument", args: []string{"whoami"}, fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := parseOptions(test.args, io.Discard); (err != nil) != test.fails {
				t.Errorf("got error %v", err)
			}
		})
	}
}

func TestLabelsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range labels() {
		if seen[l.name] || seen[l.title] || l.name == "" || l.title == "" {
			t.Errorf("label %q is empty or used twice", l)
		}
		seen[l.name], seen[l.title] = true, true
	}
}

func TestConfigurationHasNoPlaceholderLeft(t *testing.T) {
	config := renderConfig("sqlite:///d/db.sqlite", "/d", "127.0.0.1:4433", "127.0.0.1:4434", variant{cost: 12})
	if strings.Contains(config, "${") {
		t.Errorf("placeholders left in\n%s", config)
	}
	for _, line := range []string{"base_url: http://127.0.0.1:4433/", "host: 127.0.0.1", "port: 4433", "port: 4434", "cost: 12", "url: file:///d/identity.schema.json"} {
		if !strings.Contains(config, line) {
			t.Errorf("no line %q in\n%s", line, config)
		}
	}
}
