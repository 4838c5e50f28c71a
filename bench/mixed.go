package main

import (
	"context"
	"strings"
	"sync"
	"time"
)

const (
	probesPerSecond  = 50
	probeConnections = 10 // so that one slow answer does not hold up the next probes
)

// A mixture is what the mixed scenario found: whether those who are signed in
// notice that many others are signing up and in.
type mixture struct {
	window                       time.Duration
	probe, logins, registrations *tally
	peak                         int64 // highest resident set meanwhile, in bytes; 0: not known
}

// measureMixed lets as many connections sign up and as many sign in, while
// whoami is asked at a steady pace on connections of its own.
func measureMixed(ctx context.Context, d *dataset, connections int, length time.Duration) mixture {
	signUp, signIn, ask := register(d), logIn(d), whoamiByToken(d)
	w := newWindow(length)
	flatOut := func(tasks []task) *tally { return drive(ctx, tasks, w) }
	steadily := func(tasks []task) *tally { return pace(ctx, tasks, time.Second/probesPerSecond, w) }

	m := mixture{window: w.length()}
	var group sync.WaitGroup
	start := func(into **tally, n int, newTask taskMaker, run func([]task) *tally) {
		tasks, done := connect(ctx, n, d.addr, w, newTask)
		group.Go(func() {
			defer done()
			*into = run(tasks)
		})
	}
	start(&m.registrations, connections, signUp, flatOut)
	start(&m.logins, connections, signIn, flatOut)
	start(&m.probe, probeConnections, ask, steadily)
	group.Wait()
	return m
}

// serverErrors counts the answers of the 5xx class.
func (t *tally) serverErrors() (n uint64) {
	for kind, count := range t.failures {
		if strings.HasPrefix(kind, "status 5") {
			n += count
		}
	}
	return n
}
