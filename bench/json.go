package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"runtime"
	"time"
)

// The report as JSON. Times are in milliseconds, sizes in bytes, and a figure
// that was not measured is absent.
type (
	reportJSON struct {
		Go          string       `json:"go"`
		Cores       int          `json:"cores"`
		Connections int          `json:"connections"`
		Limits      []rowJSON    `json:"limits,omitempty"`
		Targets     []targetJSON `json:"targets,omitempty"`
		Import      *importJSON  `json:"import,omitempty"`
	}
	targetJSON struct {
		Binary     string     `json:"binary"`
		Operations []rowJSON  `json:"operations,omitempty"`
		Mixed      *mixedJSON `json:"mixed,omitempty"`
		Start      float64    `json:"start_ms,omitempty"`
		Starts     []float64  `json:"starts_ms,omitempty"`
		Idle       int64      `json:"idle_bytes,omitempty"`
		Peak       int64      `json:"peak_bytes,omitempty"`
		Size       int64      `json:"binary_bytes,omitempty"`
	}
	mixedJSON struct {
		Whoami        rowJSON `json:"whoami"`
		Logins        rowJSON `json:"logins"`
		Registrations rowJSON `json:"registrations"`
	}
	rowJSON struct {
		Name         string            `json:"name,omitempty"`
		PerSecond    float64           `json:"per_second"`
		P50          float64           `json:"p50_ms"`
		P99          float64           `json:"p99_ms"`
		Max          float64           `json:"max_ms"`
		ServerCPU    float64           `json:"server_cpu_ms,omitempty"`
		GeneratorCPU float64           `json:"client_cpu_ms,omitempty"`
		Ratio        float64           `json:"ratio_to_bare,omitempty"`
		HashRatio    float64           `json:"ratio_to_hashes,omitempty"`
		Peak         int64             `json:"peak_bytes,omitempty"`
		Goal         string            `json:"goal,omitempty"`
		Verdict      string            `json:"verdict,omitempty"`
		Errors       map[string]uint64 `json:"errors,omitempty"`
	}
)

// json is the report for programs.
func (r report) json() reportJSON {
	out := reportJSON{
		Go: runtime.Version(), Cores: runtime.NumCPU(), Connections: r.connections,
		Limits: r.rowsJSON(r.limits), Import: r.imported.json(),
	}
	for _, t := range r.targets {
		out.Targets = append(out.Targets, r.targetJSON(t))
	}
	return out
}

func (r report) writeJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r.json())
}

// saveJSON keeps the report in a file.
func (r report) saveJSON(path string) error {
	var b bytes.Buffer
	if err := r.writeJSON(&b); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

func (r report) targetJSON(t targetReport) targetJSON {
	out := targetJSON{
		Binary: t.binary, Operations: r.rowsJSON(t.measurements),
		Start: milliseconds(t.median()), Idle: t.idle, Peak: t.peak(), Size: t.size,
	}
	for _, s := range t.starts {
		out.Starts = append(out.Starts, milliseconds(s))
	}
	if m := t.mixed; m != nil {
		out.Mixed = &mixedJSON{
			Whoami: m.probe.json(m.window), Logins: m.logins.json(m.window), Registrations: m.registrations.json(m.window),
		}
	}
	return out
}

func (r report) rowsJSON(measurements []measurement) []rowJSON {
	var rows []rowJSON
	for _, m := range measurements {
		row := m.tally.json(m.window)
		row.Name = m.name
		if d, ok := m.perOperation(m.server); ok {
			row.ServerCPU = milliseconds(d)
		}
		if d, ok := m.perOperation(m.generator); ok {
			row.GeneratorCPU = milliseconds(d)
		}
		bare, _ := r.bareServer()
		row.PerSecond, row.Peak = m.perSecond(), m.peak
		row.Ratio, row.HashRatio = ratio(m.perSecond(), bare), ratio(m.perSecond(), m.hashes)
		row.Goal, row.Verdict = r.judge(m)
		rows = append(rows, row)
	}
	return rows
}

func (t *tally) json(window time.Duration) rowJSON {
	return rowJSON{
		PerSecond: float64(t.latency.total) / window.Seconds(),
		P50:       milliseconds(t.latency.quantile(0.5)),
		P99:       milliseconds(t.latency.quantile(0.99)),
		Max:       milliseconds(t.latency.max),
		Errors:    t.failures,
	}
}
