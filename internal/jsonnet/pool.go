package jsonnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"cardea/internal/trace"
)

// Program is Jsonnet source. Filename names it in errors and std.thisFile, and is
// never opened.
type Program struct {
	Filename string
	Snippet  string
}

// Vars are what a program may know. Every value is one JSON document; nil is null.
type Vars struct {
	ExtVars map[string]json.RawMessage // for std.extVar
	TLA     map[string]json.RawMessage // arguments, when the program is a function
}

// Pool runs programs in child processes. Children start when they are needed. Safe
// for concurrent use; Close it to be rid of the children.
type Pool struct {
	options Options
	command []string
	queue   *queue
	starter starter

	mu       sync.Mutex
	idle     []*worker // the one used last is taken first, so that the rest can end
	children sync.WaitGroup
	closing  sync.Once
}

// New checks the options. It starts no child yet.
func New(o Options) (*Pool, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	command, err := o.command()
	if err != nil {
		return nil, err
	}
	return &Pool{options: o, command: command, queue: newQueue(o.Workers)}, nil
}

// Evaluate runs a program and gives its result as compact JSON. A failed
// evaluation is an *Error; when ctx ends first, the error wraps ctx.Err() and the
// evaluation is killed.
func (p *Pool) Evaluate(ctx context.Context, program Program, vars Vars) (json.RawMessage, error) {
	ctx, span := trace.Start(ctx, "Jsonnet")
	output, err := p.evaluate(ctx, program, vars)
	span.Done(err)
	if e, ok := errors.AsType[*Error](err); ok {
		e.File = program.Filename
		return nil, e
	}
	if err != nil {
		return nil, fmt.Errorf("jsonnet: %w", err)
	}
	return output, nil
}

func (p *Pool) evaluate(ctx context.Context, program Program, vars Vars) (json.RawMessage, error) {
	frame, err := p.request(program, vars)
	if err != nil {
		return nil, err
	}
	place, err := p.queue.enter(ctx, keyOf(program.Filename, program.Snippet))
	switch {
	case errors.Is(err, ErrClosed):
		return nil, unavailable("not evaluated", err)
	case err != nil:
		return nil, err
	}
	var answer response
	err = p.ask(ctx, frame, &answer)
	if f := answer.Failure; err == nil && f != nil {
		err = &Error{Kind: f.Kind, Message: f.Message, Raised: f.Raised, Line: f.Line, Column: f.Column}
	}
	p.queue.leave(place, hadToBeStopped(err))
	if err != nil {
		return nil, err
	}
	return answer.Output, nil
}

// hadToBeStopped says whether a program took more time or memory than it may; nil
// when it was not seen to the end.
func hadToBeStopped(err error) *bool {
	e, told := errors.AsType[*Error](err)
	if err != nil && (!told || e.Kind == Unavailable) {
		return nil
	}
	stopped := told && (e.Kind == Timeout || e.Kind == Memory)
	return &stopped
}

// ask has a child answer the frame. An idle child that died since its last answer
// is noticed at the latest when it cannot be written to; another takes its place.
func (p *Pool) ask(ctx context.Context, frame []byte, answer *response) error {
	bounds := bounds{timeout: p.options.Timeout, memory: p.options.MemoryLimit, answer: p.options.MaxOutput + frameOverhead}
	for {
		w, reused, err := p.take(ctx)
		if err != nil {
			return err
		}
		err = w.exchange(ctx, frame, answer, bounds)
		p.put(w)
		if reused && errors.Is(err, errNotDelivered) {
			continue
		}
		return err
	}
}

// request checks the sizes and encodes a program with its variables.
func (p *Pool) request(program Program, vars Vars) ([]byte, error) {
	if len(program.Snippet) > p.options.MaxSnippet {
		return nil, &Error{Kind: TooLarge, Message: fmt.Sprintf("the program is larger than %d bytes", p.options.MaxSnippet)}
	}
	total := 0
	for _, set := range []map[string]json.RawMessage{vars.ExtVars, vars.TLA} {
		for name, value := range set {
			if value != nil && !json.Valid(value) {
				return nil, notJSON(name)
			}
			total += len(name) + len(value)
		}
	}
	if total > p.options.MaxInput {
		return nil, &Error{Kind: TooLarge, Message: fmt.Sprintf("the variables are larger than %d bytes", p.options.MaxInput)}
	}
	frame, err := encodeFrame(request{Filename: program.Filename, Snippet: program.Snippet, ExtVars: vars.ExtVars, TLA: vars.TLA})
	if err != nil {
		return nil, unavailable("request not encoded", err)
	}
	return frame, nil
}

func notJSON(name string) *Error {
	return &Error{Kind: Input, Message: fmt.Sprintf("variable %q is not JSON", name)}
}

// take gives an idle child, or a new one.
func (p *Pool) take(ctx context.Context) (w *worker, reused bool, err error) {
	for {
		w := p.pop()
		if w == nil {
			w, err := p.start(ctx)
			return w, false, err
		}
		if w.alive() {
			return w, true, nil
		}
		w.end()
	}
}

func (p *Pool) pop() *worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	w := p.idle[last]
	p.idle = slices.Delete(p.idle, last, last+1)
	w.expiry.Stop()
	return w
}

// put keeps a healthy child for the next evaluation and reaps any other.
func (p *Pool) put(w *worker) {
	if w.condemned || !w.alive() {
		w.end()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, w)
	w.expiry = time.AfterFunc(p.options.IdleTimeout, func() { p.retire(w) })
}

// retire ends a child, unless it was taken in the same moment.
func (p *Pool) retire(w *worker) {
	p.mu.Lock()
	i := slices.Index(p.idle, w)
	if i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	p.mu.Unlock()
	if i >= 0 {
		w.end()
	}
}

// Close refuses new evaluations and those that wait for their turn, lets the
// running ones end (each is bounded by its timeout), then kills and reaps every
// child. It may be called more than once and always returns nil.
func (p *Pool) Close() error {
	p.queue.close()
	p.closing.Do(func() {
		for w := p.pop(); w != nil; w = p.pop() {
			w.end()
		}
		p.children.Wait()
		p.starter.stop()
	})
	return nil
}
