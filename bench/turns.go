package main

import (
	"context"
	"time"
)

// measureOperations takes the servers by turns for each operation, so that a
// machine that slows down does so for both.
func (e *experiment) measureOperations(ctx context.Context) error {
	for _, op := range operations() {
		if !e.only.has(op.label) {
			continue
		}
		for i, t := range e.targets {
			e.say("measuring %s", op.title)
			m, err := e.measureOperation(ctx, op, t)
			if err != nil {
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
		if err := t.use(ctx, usual); err != nil {
			return err
		}
		t.process.forgetPeak()
		m := measureMixed(ctx, t.data, e.connections, e.duration)
		if err := ctx.Err(); err != nil {
			return err
		}
		_, m.peak, _ = t.process.memory()
		e.report.targets[i].mixed = &m
	}
	return nil
}

// measureOperation measures for one window, or, where hashes are the price, by turns
// with bare hashes of the same cost.
func (e *experiment) measureOperation(ctx context.Context, op operation, t *target) (m measurement, err error) {
	length, rounds, with := e.duration, 1, op.with
	if op.hashes {
		rounds = e.rounds
	}
	if with.cost == 0 {
		length, with.cost = e.slow, e.cost
	}
	if err := t.use(ctx, with); err != nil {
		return m, err
	}
	if op.uses {
		if err := t.data.stock(ctx, length.Seconds()); err != nil {
			return m, err
		}
	}
	t.process.forgetPeak()
	var bare measurement
	for range rounds {
		if op.hashes {
			bare.add(measureBcrypt(ctx, length, with.cost))
		}
		m.add(e.measureWindow(ctx, op, t, length))
		if err := ctx.Err(); err != nil {
			return m, err
		}
	}
	if op.hashes {
		m.hashes = bare.perSecond()
	}
	_, m.peak, _ = t.process.memory() // 0 where the system does not tell
	return m, nil
}

func (e *experiment) measureWindow(ctx context.Context, op operation, t *target, length time.Duration) measurement {
	addr, connections := t.addr, e.connections
	if op.admin {
		addr = t.admin
	}
	if op.most > 0 {
		connections = min(connections, op.most)
	}
	newTask := op.prepare(t.data)
	w := newWindow(length)
	if op.uses {
		w = window{begin: time.Now(), end: time.Now().Add(length)} // nothing to waste on a warm-up
	}
	tasks, done := connect(ctx, connections, addr, w, newTask)
	defer done()
	m := measure(ctx, op.label, tasks, t.process.cpu, w)
	m.amount = op.amount
	return m
}
