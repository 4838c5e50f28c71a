package jsonnet

import (
	"bufio"
	"errors"
	"io"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// exitMemory is the exit code of a child that found itself too big.
const exitMemory = 3

// Serve is the child's side: it evaluates what it reads from in and writes the
// results to out, one by one, until in ends. It lowers limits of the whole process
// and may end it: call it from a process that does nothing else, and exit when it
// returns.
func Serve(in io.Reader, out io.Writer) error {
	reader := bufio.NewReader(in)
	var l limits
	if err := readFrame(reader, frameOverhead, &l); err != nil {
		return err
	}
	if l.Protocol != protocol || l.MemoryLimit < leastMemory {
		return errors.New("jsonnet: the parent is of another version")
	}
	// Parser and interpreter recurse on Go's stack, unbounded but for this. A stack
	// doubles when it grows, and both copies exist for a moment.
	debug.SetMaxStack(int(l.MemoryLimit / 4))
	if err := restrict(l); err != nil {
		return err
	}
	if err := writeFrame(out, greeting{Protocol: protocol}); err != nil {
		return err
	}
	requests := make(chan request)
	defer close(requests)
	broken := make(chan error, 1)
	go func() { broken <- answer(requests, out, l) }()
	// Reading goes on during an evaluation, so that the end of the parent is
	// noticed in the middle of it.
	for {
		var r request
		if err := readFrame(reader, maxRequest, &r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		select {
		case requests <- r:
		case err := <-broken:
			return err
		}
	}
}

func answer(requests <-chan request, out io.Writer, l limits) error {
	e := newEvaluator(l)
	baseline := ownMemory()
	for r := range requests {
		allowCPU(l.CPUSeconds)
		done := make(chan struct{})
		go watchOwnMemory(done, baseline+l.MemoryLimit)
		a := e.evaluate(r)
		close(done)
		if err := writeFrame(out, a); err != nil {
			return err
		}
	}
	return nil
}

// watchOwnMemory ends the process when it maps more than limit bytes. The parent's
// watch cannot be fooled and comes first where the system allows one; this one
// works everywhere.
func watchOwnMemory(done <-chan struct{}, limit int64) {
	tick := time.NewTicker(memoryInterval)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			if ownMemory() > limit {
				os.Exit(exitMemory)
			}
		}
	}
}

// ownMemory is what the Go runtime holds of the system's memory, in bytes.
func ownMemory() int64 {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}
