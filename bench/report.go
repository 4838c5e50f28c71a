package main

import (
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A report is everything one run has found.
type report struct {
	connections int
	postgres    bool          // the database is a PostgreSQL server
	limits      []measurement // of the machine, measured once
	targets     []targetReport
	imported    *importReport // nil when that was not measured
}

// A targetReport is what was found about one binary.
type targetReport struct {
	binary       string
	identities   int
	measurements []measurement
	mixed        *mixture
	starts       []time.Duration
	size         int64 // of the binary, in bytes
	idle         int64 // resident set after start, in bytes; 0: not known
}

// peak is the highest resident set under load, in bytes; 0: not known.
func (t targetReport) peak() (most int64) {
	for _, m := range t.measurements {
		most = max(most, m.peak)
	}
	if t.mixed != nil {
		most = max(most, t.mixed.peak)
	}
	return most
}

// bareServer is the rate of the bare server and its processor time per request; 0
// when they were not measured.
func (r report) bareServer() (perSecond float64, cpu time.Duration) {
	for _, m := range r.limits {
		if m.name == bareLimit.name {
			cpu, _ = m.perOperation(m.server)
			return m.perSecond(), cpu
		}
	}
	return 0, 0
}

// median is the middle start, 0 without any.
func (t targetReport) median() time.Duration {
	if len(t.starts) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(t.starts))[len(t.starts)/2]
}

// write renders the report for people.
func (r report) write(w io.Writer) {
	database := "embedded database"
	if r.postgres {
		database = "PostgreSQL"
	}
	fmt.Fprintf(w, "%s, %d cores, %s/%s; %d connections; %s\n\n",
		runtime.Version(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, r.connections, database)
	r.writeMeasurements(w, "Limit of this machine", r.limits)
	for i, t := range r.targets {
		if len(r.targets) > 1 {
			fmt.Fprintf(w, "%c: %s, ", 'A'+i, t.binary)
		}
		fmt.Fprintf(w, "%s identities\n\n", formatCount(uint64(t.identities)))
		r.writeMeasurements(w, "Operation", t.measurements)
		t.writeMixed(w)
		t.writeFootprint(w)
	}
	if r.imported != nil {
		r.imported.write(w)
	}
	if len(r.targets) == 2 {
		writeComparison(w, r.targets[0], r.targets[1])
	}
}

func (r report) writeMeasurements(w io.Writer, heading string, measurements []measurement) {
	if len(measurements) == 0 {
		return
	}
	var rows [][]string
	var notes strings.Builder
	bare, _ := r.bareServer()
	for _, m := range measurements {
		wanted, verdict := r.judge(m)
		rows = append(rows, []string{
			m.title, formatRate(m.perSecond()),
			formatLatency(m.tally.latency.quantile(0.5)), formatLatency(m.tally.latency.quantile(0.99)),
			m.formatCPU(m.server), m.formatCPU(m.generator), quotient(m.perSecond(), bare), quotient(m.perSecond(), m.hashes),
			formatMemory(m.peak), formatCount(m.tally.failed()), wanted, verdict,
		})
		if m.tally.failed() > 0 {
			fmt.Fprintf(&notes, "errors of %s: %s\n", m.title, formatFailures(m.tally.failures))
		}
	}
	header := []string{heading, "per second", "p50", "p99", "server ms CPU", "client ms CPU", "÷ bare", "÷ hashes", "memory", "errors", "goal", ""}
	fmt.Fprintf(w, "%s\n", table(header, rows))
	if notes.Len() > 0 {
		fmt.Fprintln(w, notes.String())
	}
}

// formatCPU shows processor time per operation in milliseconds.
func (m measurement) formatCPU(u usage) string {
	d, ok := m.perOperation(u)
	if !ok {
		return absent
	}
	return fmt.Sprintf("%.3f", milliseconds(d))
}

func formatFailures(failures map[string]uint64) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(failures)) {
		parts = append(parts, formatCount(failures[kind])+" × "+kind)
	}
	return strings.Join(parts, ", ")
}

func (t targetReport) writeMixed(w io.Writer) {
	if t.mixed == nil {
		return
	}
	var rows [][]string
	add := func(title string, group *tally) {
		rows = append(rows, []string{
			title, formatRate(float64(group.latency.total) / t.mixed.window.Seconds()),
			formatLatency(group.latency.quantile(0.5)), formatLatency(group.latency.quantile(0.99)),
			formatLatency(group.latency.max), formatCount(group.serverErrors()), formatCount(group.failed()),
		})
	}
	add("whoami, asked steadily", t.mixed.probe)
	add("logins", t.mixed.logins)
	add("registrations", t.mixed.registrations)
	fmt.Fprintf(w, "%s\n", table([]string{"All at once", "per second", "p50", "p99", "max", "5xx", "errors"}, rows))
	if notes := t.mixed.notes(); notes != "" {
		fmt.Fprintln(w, notes)
	}
}

func (m mixture) notes() string {
	var b strings.Builder
	for _, group := range []struct {
		title string
		*tally
	}{{"whoami", m.probe}, {"logins", m.logins}, {"registrations", m.registrations}} {
		if group.failed() > 0 {
			fmt.Fprintf(&b, "errors of %s: %s\n", group.title, formatFailures(group.failures))
		}
	}
	return b.String()
}

func (t targetReport) writeFootprint(w io.Writer) {
	var rows [][]string
	if len(t.starts) > 0 {
		rows = append(rows, []string{fmt.Sprintf("%s, existing database, median of %d", coldStarts.title, len(t.starts)),
			formatLatency(t.median()), "≤ " + formatLatency(mostStart), verdictOf(float64(t.median()), float64(mostStart))})
	}
	for _, figure := range []struct {
		title string
		bytes int64
		most  float64
	}{{"resident memory, idle", t.idle, mostIdle}, {"highest resident memory under load", t.peak(), mostMemory}, {"size of the binary", t.size, 0}} {
		if figure.bytes == 0 {
			continue
		}
		row := []string{figure.title, formatBytes(figure.bytes), absent, absent}
		if figure.most > 0 {
			row[2], row[3] = fmt.Sprintf("≤ %.0f MB", figure.most/1e6), verdictOf(float64(figure.bytes), figure.most)
		}
		rows = append(rows, row)
	}
	if len(rows) > 0 {
		fmt.Fprintln(w, table([]string{"Process", "figure", "goal", ""}, rows))
	}
}

// writeComparison sets two binaries side by side. Above 1 in the last column of
// a pair means that B is faster, or needs more processor time.
func writeComparison(w io.Writer, a, b targetReport) {
	var rows [][]string
	for i, n := range b.measurements { // A is measured first, so B never has more
		m := a.measurements[i]
		rows = append(rows, []string{
			m.title, formatRate(m.perSecond()), formatRate(n.perSecond()), quotient(n.perSecond(), m.perSecond()),
			m.formatCPU(m.server), n.formatCPU(n.server), cpuQuotient(n, m),
			formatLatency(m.tally.latency.quantile(0.99)), formatLatency(n.tally.latency.quantile(0.99)),
		})
	}
	if len(rows) > 0 {
		header := []string{"Comparison", "A per second", "B per second", "B ÷ A", "A ms CPU", "B ms CPU", "B ÷ A", "A p99", "B p99"}
		fmt.Fprintln(w, table(header, rows))
	}
}

func quotient(dividend, divisor float64) string {
	if divisor == 0 {
		return absent
	}
	return formatRatio(dividend / divisor)
}

func cpuQuotient(dividend, divisor measurement) string {
	x, okX := dividend.perOperation(dividend.server)
	y, okY := divisor.perOperation(divisor.server)
	if !okX || !okY {
		return absent
	}
	return quotient(float64(x), float64(y))
}
