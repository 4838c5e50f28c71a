package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// readReport reads what an earlier run has saved.
func readReport(path string) (r reportJSON, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	if len(r.Targets) == 0 {
		return r, errors.New(path + " is the report of nothing")
	}
	return r, nil
}

// writeGoals sets what two runs reached beside what they had to: the table of
// docs/benchmarks.md.
func writeGoals(w io.Writer, embedded, postgres reportJSON) {
	var rows [][]string
	for _, l := range labels() {
		a, b := embedded.goal(l.name), postgres.goal(l.name)
		if a == nil && b == nil {
			continue
		}
		rows = append(rows, append(append([]string{l.title}, a.cells()...), b.cells()...))
	}
	rows = append(rows, processGoals(embedded, postgres)...)
	header := []string{"Work", "goal", "embedded", "", "goal", "PostgreSQL", ""}
	fmt.Fprintln(w, table(header, rows))
}

// A reached goal is what an operation had to reach in a run, and what it did.
type reached struct {
	row     rowJSON
	bareCPU float64
}

// goal is that of an operation; nil without one.
func (r reportJSON) goal(name string) *reached {
	bare := 0.0
	for _, l := range r.Limits {
		if l.Name == bareLimit.name {
			bare = l.ServerCPU
		}
	}
	for _, row := range r.Targets[0].Operations {
		if row.Name == name && row.Goal != "" && row.Goal != absent {
			return &reached{row, bare}
		}
	}
	return nil
}

// cells are goal, figure and verdict.
func (g *reached) cells() []string {
	if g == nil {
		return []string{absent, absent, absent}
	}
	parts := []string{formatRate(g.row.PerSecond) + "/s"}
	for _, more := range []struct {
		asked  string
		known  bool
		figure string
	}{
		{"of bare", g.row.Ratio > 0, formatRatio(g.row.Ratio) + " of bare"},
		{"CPU", g.bareCPU > 0, fmt.Sprintf("CPU %.1f × bare", ratio(g.row.ServerCPU, g.bareCPU))},
		{"of hashes", g.row.HashRatio > 0, formatRatio(g.row.HashRatio) + " of hashes"},
		{"p99", g.row.P99 > 0, "p99 " + formatLatency(time.Duration(g.row.P99*float64(time.Millisecond)))},
		{"MB", g.row.Peak > 0, formatBytes(g.row.Peak)},
	} {
		if more.known && strings.Contains(g.row.Goal, more.asked) {
			parts = append(parts, more.figure)
		}
	}
	return []string{g.row.Goal, strings.Join(parts, ", "), g.row.Verdict}
}

// processGoals are those of the process itself.
func processGoals(embedded, postgres reportJSON) (rows [][]string) {
	for _, figure := range []struct {
		title, goal string
		most        float64
		of          func(targetJSON) (got float64, text string)
	}{
		{coldStarts.title, "≤ " + formatLatency(mostStart), milliseconds(mostStart), func(t targetJSON) (float64, string) {
			return t.Start, formatLatency(time.Duration(t.Start * float64(time.Millisecond)))
		}},
		{"memory, idle", fmt.Sprintf("≤ %.0f MB", mostIdle/1e6), mostIdle, func(t targetJSON) (float64, string) {
			return float64(t.Idle), formatBytes(t.Idle)
		}},
	} {
		row := []string{figure.title}
		for _, r := range []reportJSON{embedded, postgres} {
			got, text := figure.of(r.Targets[0])
			if got == 0 {
				row = append(row, absent, absent, absent)
				continue
			}
			row = append(row, figure.goal, text, verdictOf(got, figure.most))
		}
		rows = append(rows, row)
	}
	return rows
}
