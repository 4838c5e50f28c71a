package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

func perSecond(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

func (r *importReport) write(w io.Writer) {
	rows := [][]string{
		{"identities", formatCount(uint64(r.identities))},
		{"through the admin API, per second", formatRate(perSecond(r.identities, r.took))},
		{"server ms CPU of each", fmt.Sprintf("%.3f", milliseconds(r.cpu)/float64(r.identities))},
		{"the same rows without a server, per second", formatRate(perSecond(r.identities, r.rawTook))},
		{"rows of each", formatRatio(float64(r.rawRows) / float64(r.identities))},
		{"API ÷ raw", formatRatio(r.rawTook.Seconds() / r.took.Seconds())},
		{"highest resident memory", formatBytes(r.peak)},
		{"page 1 of the list", formatLatency(r.first)},
		{fmt.Sprintf("page %d", r.pages), formatLatency(r.last)},
		{"last ÷ first", formatRatio(r.last.Seconds() / r.first.Seconds())},
	}
	fmt.Fprintln(w, table([]string{"Import", "figure"}, rows))
	rows = nil
	for n, s := range r.stretches {
		rows = append(rows, []string{strconv.Itoa(n + 1), formatRate(s.perSecond), formatBytes(s.memory)})
	}
	fmt.Fprintln(w, strings.TrimRight(table([]string{"Stretch", "per second", "highest memory"}, rows), "\n"))
}

// importJSON is an importReport for programs.
type importJSON struct {
	Binary       string        `json:"binary"`
	Identities   int           `json:"identities"`
	PerSecond    float64       `json:"per_second"`
	ServerCPU    float64       `json:"server_cpu_ms"`
	RawPerSecond float64       `json:"raw_per_second"`
	RawRows      int           `json:"raw_rows"`
	Peak         int64         `json:"peak_bytes"`
	Pages        int           `json:"pages"`
	First        float64       `json:"first_page_ms"`
	Last         float64       `json:"last_page_ms"`
	Stretches    []stretchJSON `json:"stretches"`
}

type stretchJSON struct {
	PerSecond float64 `json:"per_second"`
	Memory    int64   `json:"memory_bytes"`
}

func (r *importReport) json() *importJSON {
	if r == nil {
		return nil
	}
	out := &importJSON{
		Binary: r.binary, Identities: r.identities, PerSecond: perSecond(r.identities, r.took), ServerCPU: milliseconds(r.cpu) / float64(r.identities), RawPerSecond: perSecond(r.identities, r.rawTook),
		RawRows: r.rawRows, Peak: r.peak, Pages: r.pages, First: milliseconds(r.first), Last: milliseconds(r.last),
	}
	for _, s := range r.stretches {
		out.Stretches = append(out.Stretches, stretchJSON{s.perSecond, s.memory})
	}
	return out
}
