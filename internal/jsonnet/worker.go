package jsonnet

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"time"
)

// worker is one child process. It belongs to one evaluation at a time; only kill,
// end and alive may be called by others.
type worker struct {
	cmd       *exec.Cmd
	in        *os.File
	out       *os.File
	reader    *bufio.Reader
	complaint head          // what the child wrote on its standard error, its start
	meter     *meter        // nil where memory cannot be watched from outside
	baseline  int64         // bytes of private memory before the first evaluation
	condemned bool          // must not be used again
	exited    chan struct{} // closed when the child is reaped
	expiry    *time.Timer   // guarded by the pool
}

// bounds are the limits of one exchange.
type bounds struct {
	timeout time.Duration
	memory  int64 // bytes over the baseline; 0 for no limit
	answer  int   // bytes of the frame
}

// reapDelay is how long a dead child's standard error may stay open in other hands.
const reapDelay = time.Second

var errNotDelivered = errors.New("the worker is gone")

// start brings up a child and waits until it is ready.
func (p *Pool) start(ctx context.Context) (*worker, error) {
	w, err := p.spawn()
	if err != nil {
		return nil, unavailable("worker not started", err)
	}
	hello, err := encodeFrame(p.options.limits())
	if err != nil {
		w.end()
		return nil, unavailable("worker not started", err)
	}
	var ready greeting
	err = w.exchange(ctx, hello, &ready, bounds{timeout: p.options.StartTimeout, answer: frameOverhead})
	switch {
	case err == nil && !w.condemned && ready.Protocol == protocol:
		w.baseline, _ = w.meter.private()
		return w, nil
	case err == nil:
		err = errors.New("it is not the worker of this version")
	case ctx.Err() != nil:
		w.end()
		return nil, ctx.Err()
	}
	w.end()
	return nil, unavailable("worker not ready", err)
}

// spawn makes the process, its two pipes, and the one who reaps it.
func (p *Pool) spawn() (*worker, error) {
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer childIn.Close()
	out, childOut, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, err
	}
	defer childOut.Close()

	w := &worker{in: in, out: out, reader: bufio.NewReader(out), exited: make(chan struct{})}
	w.cmd = exec.Command(p.command[0], p.command[1:]...)
	w.cmd.Dir = string(os.PathSeparator)
	w.cmd.Env = p.options.environment()
	w.cmd.Stdin, w.cmd.Stdout, w.cmd.Stderr = childIn, childOut, &w.complaint
	w.cmd.SysProcAttr = apart()
	w.cmd.WaitDelay = reapDelay
	if err := p.starter.do(w.cmd.Start); err != nil {
		in.Close()
		out.Close()
		return nil, err
	}
	w.meter = newMeter(w.cmd.Process.Pid)
	p.children.Go(func() {
		// How it ended is read from ProcessState by those who want to know.
		_ = w.cmd.Wait()
		w.meter.close()
		close(w.exited)
	})
	return w, nil
}

func (w *worker) alive() bool {
	select {
	case <-w.exited:
		return false
	default:
		return true
	}
}

// kill ends the process and any read or write on its pipes.
func (w *worker) kill() {
	_ = w.cmd.Process.Kill() // it may have ended by itself
	w.in.Close()
	w.out.Close()
}

// end kills the process and waits until it is reaped.
func (w *worker) end() {
	w.kill()
	<-w.exited
}

// exchange sends a frame and reads the answer, within bounds. After any error the
// worker is condemned and its process dead or dying.
func (w *worker) exchange(ctx context.Context, frame []byte, answer any, b bounds) error {
	verdict := w.guard(ctx, b)
	err := w.converse(frame, answer, b.answer)
	sentence := verdict()
	w.condemned = err != nil || sentence != nil
	switch {
	case err == nil:
		return nil // a sentence that came after the answer only costs the worker
	case sentence != nil:
		return sentence
	case errors.Is(err, errFrameTooLarge):
		w.kill()
		return outputTooLarge()
	}
	w.end()
	if errors.Is(err, errNotDelivered) {
		return unavailable("not evaluated", err) // whatever it died of, it was not this
	}
	return w.autopsy(err)
}

func (w *worker) converse(frame []byte, answer any, limit int) error {
	if _, err := w.in.Write(frame); err != nil {
		return errors.Join(errNotDelivered, err)
	}
	return readFrame(w.reader, limit, answer)
}

// memoryInterval is how often a busy child's memory is looked at. A program can
// touch a few megabytes in a millisecond.
const memoryInterval = 4 * time.Millisecond

// guard watches over an exchange and kills the child that leaves its bounds. The
// function it gives ends the watch and tells why the child was killed, nil if it
// was not.
func (w *worker) guard(ctx context.Context, b bounds) (verdict func() error) {
	done, sentence := make(chan struct{}), make(chan error, 1)
	go func() {
		err := w.watch(ctx, done, b)
		if err != nil {
			w.kill()
		}
		sentence <- err
	}()
	return func() error {
		close(done)
		return <-sentence
	}
}

func (w *worker) watch(ctx context.Context, done <-chan struct{}, b bounds) error {
	deadline := time.NewTimer(b.timeout)
	defer deadline.Stop()
	tick := time.NewTicker(memoryInterval)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return tookTooLong()
		case <-tick.C:
			if size, known := w.meter.private(); known && b.memory > 0 && size-w.baseline > b.memory {
				return tooMuchMemory()
			}
		}
	}
}

func tookTooLong() *Error {
	return &Error{Kind: Timeout, Message: "the program ran out of time"}
}

func tooMuchMemory() *Error {
	return &Error{Kind: Memory, Message: "the program ran out of memory"}
}

func outputTooLarge() *Error {
	return &Error{Kind: TooLarge, Message: "the program's output is too large"}
}

// causesOfDeath maps what the Go runtime says last to what the program did. The
// text itself goes no further: a crash report may hold data.
var causesOfDeath = []struct {
	sign string
	err  func() *Error
}{
	{"out of memory", tooMuchMemory},
	{"cannot allocate memory", tooMuchMemory},
	{"failed to allocate", tooMuchMemory}, // a binary built with the race detector
	// A fault in the interpreter is a panic, and recovered. The runtime itself
	// faults when the system refuses it memory: not all its allocations are checked.
	{"segmentation violation", tooMuchMemory},
	{"stack overflow", nestedTooDeeply},
	{"goroutine stack exceeds", nestedTooDeeply},
	{"cpu limit exceeded", tookTooLong},
}

func nestedTooDeeply() *Error {
	return &Error{Kind: Runtime, Message: "the program or its data are nested too deeply"}
}

// autopsy tells why a reaped child ended without an answer.
func (w *worker) autopsy(err error) error {
	if w.cmd.ProcessState.ExitCode() == exitMemory {
		return tooMuchMemory()
	}
	for _, c := range causesOfDeath {
		if w.complaint.contains(c.sign) {
			return c.err()
		}
	}
	if errors.Is(err, io.EOF) {
		err = errors.New(w.cmd.ProcessState.String())
	}
	return unavailable("the worker failed", err)
}
