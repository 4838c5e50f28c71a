package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

const startRepeats = 5

// An experiment is one run of the benchmark: it measures what the options select
// and notes it in the report.
type experiment struct {
	options
	dir      string
	progress io.Writer
	report   report
	targets  []*target
}

// A target is a server under test with its content.
type target struct {
	*server
	data *dataset
	drop func() error // the database, if it is a server's
}

func (t *target) end() error { return errors.Join(t.close(), t.drop()) }

// run stops at the first error; the report then has what was found before.
func (e *experiment) run(ctx context.Context) (err error) {
	var binary string
	if e.needsServer() {
		if binary, err = e.findBinary(ctx); err != nil {
			return err
		}
	}
	if err := e.measureLimits(ctx); err != nil || binary == "" {
		return err
	}
	defer func() {
		for _, t := range e.targets {
			err = errors.Join(err, t.end())
		}
	}()
	if err := e.prepareTargets(ctx, e.plans(binary)); err != nil {
		return err
	}
	if err := e.measureOperations(ctx); err != nil {
		return err
	}
	return nil
}

func (e *experiment) say(format string, args ...any) {
	fmt.Fprintf(e.progress, format+"\n", args...)
}

// needsServer says whether anything but the machine's limits is selected.
func (e *experiment) needsServer() bool {
	for _, l := range labels() {
		if l != bareLimit && l != bcryptLimit && l != syncLimit && e.only.has(l) {
			return true
		}
	}
	return false
}

func (e *experiment) measureLimits(ctx context.Context) error {
	for _, limit := range []struct {
		label
		measure func() (measurement, error)
	}{
		{bareLimit, func() (measurement, error) { return measureBare(ctx, e.connections, e.duration) }},
		{bcryptLimit, func() (measurement, error) { return measureBcrypt(ctx, e.duration, lowCost), nil }},
		{syncLimit, func() (measurement, error) { return measureSync(ctx, e.dir, e.duration) }},
	} {
		if !e.only.has(limit.label) {
			continue
		}
		e.say("measuring %s", limit.title)
		m, err := limit.measure()
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		e.report.limits = append(e.report.limits, m)
	}
	return nil
}

// findBinary returns the path of the server to measure.
func (e *experiment) findBinary(ctx context.Context) (string, error) {
	if e.binary != "" {
		return e.binary, nil
	}
	e.say("building the server")
	return build(ctx, e.dir)
}

// plans returns what to measure, one or two.
func (e *experiment) plans(binary string) []plan {
	first := plan{binary: binary, identities: e.identities}
	switch {
	case e.compare != "":
		return []plan{first, {binary: e.compare, identities: e.identities}}
	case e.compareIdentities > 0:
		return []plan{first, {binary: binary, identities: e.compareIdentities}}
	}
	return []plan{first}
}

// A plan is a server to be.
type plan struct {
	binary     string
	identities int
}

func (e *experiment) prepareTargets(ctx context.Context, plans []plan) error {
	for i, p := range plans {
		if err := e.prepareTarget(ctx, p, filepath.Join(e.dir, fmt.Sprintf("server-%d", i))); err != nil {
			return fmt.Errorf("%s: %w", p.binary, err)
		}
	}
	if !wait(ctx, e.settle) {
		return ctx.Err()
	}
	if e.only.has(footprint) {
		for i, t := range e.targets {
			e.report.targets[i].idle, _, _ = t.process.memory() // 0 where the system does not tell
		}
	}
	return nil
}

// prepareTarget fills a new server's database, then starts the server again, so
// that start and memory are those of a server that has something to serve.
func (e *experiment) prepareTarget(ctx context.Context, p plan, dir string) error {
	e.say("preparing %s with %d identities", p.binary, p.identities)
	dsn, drop, err := e.newDatabase(ctx)
	if err != nil {
		return err
	}
	s, err := install(ctx, p.binary, dir, dsn)
	if err != nil {
		return errors.Join(err, drop())
	}
	t := &target{server: s, drop: drop}
	e.targets = append(e.targets, t)
	if _, err := s.start(ctx); err != nil {
		return err
	}
	o := e.options
	o.identities = p.identities
	if t.data, err = newContent(ctx, s, o); err != nil {
		return fmt.Errorf("setting up: %w", err)
	}
	r := targetReport{binary: p.binary, identities: p.identities}
	if e.only.has(footprint) {
		if info, err := os.Stat(s.binary); err == nil {
			r.size = info.Size()
		}
	}
	if r.starts, err = e.restart(ctx, s); err != nil {
		return err
	}
	e.report.targets = append(e.report.targets, r)
	return nil
}

// restart starts the server afresh, as often as cold starts are to be measured,
// and leaves it running.
func (e *experiment) restart(ctx context.Context, s *server) (starts []time.Duration, err error) {
	if !e.only.has(coldStarts) {
		if err := s.stop(); err != nil {
			return nil, err
		}
		_, err = s.start(ctx)
		return nil, err
	}
	for range startRepeats {
		if err := s.stop(); err != nil {
			return nil, err
		}
		took, err := s.start(ctx)
		if err != nil {
			return nil, err
		}
		starts = append(starts, took)
	}
	return starts, nil
}
