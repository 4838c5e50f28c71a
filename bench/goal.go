package main

import (
	"fmt"
	"strings"
	"time"
)

// A goal is what an operation has to reach, in numbers of this program or of the
// machine's limits in the same run. A zero part asks for nothing.
type goal struct {
	rate     float64       // per second
	ofBare   float64       // of the bare server's rate
	cpu      float64       // at most so many times the bare server's processor time
	ofHashes float64       // of the bare hashes beside it
	p99      time.Duration // less than that
	peak     int64         // of resident memory at most, in bytes
}

const (
	// mostMemory is what the server may take under any load, and while importing.
	mostMemory, mostImporting = 150e6, 200e6
	// mostIdle is what it may take with nothing to do.
	mostIdle = 40e6
	// mostStart is how long it may take to be ready with a database that exists.
	mostStart = 100 * time.Millisecond
)

// embeddedGoals are those with the embedded database.
var embeddedGoals = map[string]goal{
	"alive":             {rate: 30_000},
	"whoami-token":      {ofBare: 0.55, cpu: 2.2, p99: 10 * time.Millisecond},
	"whoami-cookie":     {ofBare: 0.55, cpu: 2.2, p99: 10 * time.Millisecond},
	"whoami-unknown":    {ofBare: 0.5},
	"whoami-impossible": {ofBare: 0.5},
	"whoami-uncached":   {ofBare: 0.25, p99: 10 * time.Millisecond},
	"flow-fetch":        {rate: 12_000},
	"flow-api":          {rate: 8_000},
	"flow-browser":      {rate: 8_000},
	"sessions":          {rate: 8_000},
	"logout":            {rate: 5_000},
	"settings":          {rate: 1_500},
	"login":             {rate: 800},
	"registration":      {rate: 600},
	"login-12":          {ofHashes: 0.95},
	"registration-12":   {ofHashes: 0.95},
	"admin-get":         {rate: 12_000},
	"admin-identifier":  {rate: 8_000},
	"admin-list":        {rate: 600},
	"admin-create":      {rate: 3_000},
	"admin-import":      {rate: 3_000, peak: mostImporting},
}

// postgresGoals are those with PostgreSQL on the same machine: six times what the
// incumbent was measured at there, but for reads that one connection's round trip
// bounds, and for sign-in, which the hash does.
var postgresGoals = map[string]goal{
	"alive":             {rate: 30_000},
	"whoami-token":      {rate: 6 * 1_160},
	"whoami-cookie":     {rate: 6 * 1_160},
	"whoami-unknown":    {rate: 10_000},
	"whoami-impossible": {rate: 10_000},
	"whoami-uncached":   {rate: 6 * 1_160},
	"flow-fetch":        {rate: 10_000},
	"flow-api":          {rate: 6 * 928},
	"flow-browser":      {rate: 6 * 928},
	"sessions":          {rate: 6 * 769},
	"settings":          {rate: 6 * 19},
	"login":             {ofHashes: 0.6},
	"registration":      {rate: 6 * 57},
	"login-12":          {ofHashes: 0.6},
	"admin-get":         {rate: 6_000},
	"admin-identifier":  {rate: 6 * 1_007},
	"admin-list":        {rate: 400},
	"admin-create":      {rate: 6 * 136},
	"admin-import":      {rate: 6 * 235, peak: mostImporting},
}

// goalOf is what an operation has to reach in this run.
func (r report) goalOf(name string) goal {
	goals := embeddedGoals
	if r.postgres {
		goals = postgresGoals
	}
	g, ok := goals[name]
	if ok && g.peak == 0 {
		g.peak = mostMemory
	}
	return g
}

// judge says what was to be reached, and what of it was not: absent for an operation
// without a goal, and for parts that nothing in this run tells.
func (r report) judge(m measurement) (wanted, verdict string) {
	g := r.goalOf(m.name)
	var wants, missed []string
	known := false
	want := func(asked bool, format string, limit, got float64, atLeast bool) {
		if !asked {
			return
		}
		wants = append(wants, format)
		if got <= 0 {
			return
		}
		known = true
		if atLeast && got < limit || !atLeast && got > limit {
			missed = append(missed, fmt.Sprintf("%.2f of it", got/limit))
		}
	}
	bare, bareCPU := r.bareServer()
	want(g.rate > 0, "≥ "+formatRate(g.rate), g.rate, m.perSecond(), true)
	want(g.ofBare > 0, fmt.Sprintf("≥ %.2f of bare", g.ofBare), g.ofBare, ratio(m.perSecond(), bare), true)
	cpu, _ := m.perOperation(m.server)
	want(g.cpu > 0, fmt.Sprintf("CPU ≤ %.1f × bare", g.cpu), g.cpu, ratio(float64(cpu), float64(bareCPU)), false)
	want(g.ofHashes > 0, fmt.Sprintf("≥ %.2f of hashes", g.ofHashes), g.ofHashes, ratio(m.perSecond(), m.hashes), true)
	want(g.p99 > 0, "p99 < "+formatLatency(g.p99), float64(g.p99), float64(m.tally.latency.quantile(0.99)), false)
	want(g.peak > 0, fmt.Sprintf("≤ %d MB", g.peak/1e6), float64(g.peak), float64(m.peak), false)
	switch {
	case len(wants) == 0:
		return absent, absent
	case m.tally.latency.total == 0:
		verdict = "**not**: nothing was done"
	case !known:
		verdict = absent
	case len(missed) > 0:
		verdict = "**not**: " + strings.Join(missed, ", ")
	default:
		verdict = "met"
	}
	return strings.Join(wants, ", "), verdict
}

func ratio(dividend, divisor float64) float64 {
	if divisor <= 0 {
		return 0
	}
	return dividend / divisor
}

// verdictOf judges a figure that must not be more than a limit.
func verdictOf(got, limit float64) string {
	if got > limit {
		return fmt.Sprintf("**not**: %.2f of it", got/limit)
	}
	return "met"
}
