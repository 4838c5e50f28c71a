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

const (
	startRepeats = 5
	// settle is how long a started server is left alone before its memory is read.
	settle = 500 * time.Millisecond
)

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
}

// run stops at the first error; the report then has what was found before.
func (e *experiment) run(ctx context.Context) (err error) {
	var binaries []string
	if e.needsServer() {
		if binaries, err = e.findBinaries(ctx); err != nil {
			return err
		}
	}
	if err := e.measureLimits(ctx); err != nil || binaries == nil {
		return err
	}
	defer func() {
		for _, t := range e.targets {
			err = errors.Join(err, t.close())
		}
	}()
	if err := e.prepareTargets(ctx, binaries); err != nil {
		return err
	}
	if err := e.measureOperations(ctx); err != nil {
		return err
	}
	e.readMemory(func(r *targetReport, _, peak int64) {
		if len(r.measurements) > 0 || r.mixed != nil {
			r.peak = peak
		}
	})
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
		{bcryptLimit, func() (measurement, error) { return measureBcrypt(ctx, e.duration), nil }},
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

// findBinaries returns the paths of the servers to measure, one or two.
func (e *experiment) findBinaries(ctx context.Context) ([]string, error) {
	first := e.binary
	if first == "" {
		e.say("building the server")
		var err error
		if first, err = build(ctx, e.dir); err != nil {
			return nil, err
		}
	}
	if e.compare == "" {
		return []string{first}, nil
	}
	return []string{first, e.compare}, nil
}

func (e *experiment) prepareTargets(ctx context.Context, binaries []string) error {
	for i, binary := range binaries {
		if err := e.prepareTarget(ctx, binary, filepath.Join(e.dir, fmt.Sprintf("server-%d", i))); err != nil {
			return fmt.Errorf("%s: %w", binary, err)
		}
	}
	if !wait(ctx, settle) {
		return ctx.Err()
	}
	e.readMemory(func(r *targetReport, now, _ int64) { r.idle = now })
	return nil
}

// prepareTarget fills a new server's database, then starts the server again, so
// that start and memory are those of a server that has something to serve.
func (e *experiment) prepareTarget(ctx context.Context, binary, dir string) error {
	e.say("preparing %s", binary)
	s, err := install(ctx, binary, dir)
	if err != nil {
		return err
	}
	t := &target{server: s}
	e.targets = append(e.targets, t)
	if _, err := s.start(ctx); err != nil {
		return err
	}
	if t.data, err = populate(ctx, s.addr, e.identities); err != nil {
		return fmt.Errorf("setting up: %w", err)
	}
	r := targetReport{binary: binary}
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

// measureOperations takes the servers by turns for each operation, so that a
// machine that slows down does so for both.
func (e *experiment) measureOperations(ctx context.Context) error {
	for _, op := range operations() {
		if !e.only.has(op.label) {
			continue
		}
		for i, t := range e.targets {
			e.say("measuring %s", op.title)
			m := e.measureOperation(ctx, op, t)
			if err := ctx.Err(); err != nil {
				return err
			}
			e.report.targets[i].measurements = append(e.report.targets[i].measurements, m)
		}
	}
	if !e.only.has(mixedLoad) {
		return nil
	}
	for i, t := range e.targets {
		e.say("measuring %s", mixedLoad.title)
		m := measureMixed(ctx, t.data, e.connections, e.duration)
		if err := ctx.Err(); err != nil {
			return err
		}
		e.report.targets[i].mixed = &m
	}
	return nil
}

func (e *experiment) measureOperation(ctx context.Context, op operation, t *target) measurement {
	newTask := op.prepare(t.data)
	w := newWindow(e.duration)
	tasks, done := connect(ctx, e.connections, t.addr, w, newTask)
	defer done()
	return measure(ctx, op.label, tasks, t.process.cpu, w)
}

// readMemory notes every server's memory, if it is selected and the system tells.
func (e *experiment) readMemory(note func(r *targetReport, now, peak int64)) {
	if !e.only.has(footprint) {
		return
	}
	for i, t := range e.targets {
		if now, peak, err := t.process.memory(); err == nil {
			note(&e.report.targets[i], now, peak)
		}
	}
}
