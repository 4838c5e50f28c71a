package hook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"cardea/internal/flow"
	"cardea/internal/jsonnet"
)

// programError is a failure of a body's program: it fails the same way every time.
type programError struct{ cause error }

func (e *programError) Error() string { return e.cause.Error() }
func (e *programError) Unwrap() error { return e.cause }

// cancelled is what a program raises that wants nothing to be sent.
const cancelled = "cancel"

var errCancelled = errors.New("the program wants nothing to be sent")

// knowledge is what a body's program is told: its parameter ctx. Absent parts have
// no key, so that a program can ask with `in`.
type knowledge struct {
	Flow           json.RawMessage     `json:"flow"`
	Identity       json.RawMessage     `json:"identity,omitempty"`
	Session        json.RawMessage     `json:"session,omitempty"`
	RequestHeaders map[string][]string `json:"request_headers"`
	RequestMethod  string              `json:"request_method"`
	RequestURL     string              `json:"request_url"`
	RequestCookies map[string]string   `json:"request_cookies"`
}

// tell writes down what is known, at once: what is known now is what the hook is
// told, however late its program runs.
func (r *Runner) tell(set *flow.Setup, about flow.HookCall) (json.RawMessage, error) {
	return json.Marshal(r.known(set, about))
}

func (r *Runner) known(set *flow.Setup, about flow.HookCall) knowledge {
	k := knowledge{
		Flow:           r.o.Wire.Flow(set, about.Page),
		RequestHeaders: about.Headers, RequestMethod: about.Method, RequestURL: about.URL, RequestCookies: about.Cookies,
	}
	if k.RequestHeaders == nil {
		k.RequestHeaders = map[string][]string{}
	}
	if k.RequestCookies == nil {
		k.RequestCookies = map[string]string{}
	}
	if about.Identity != nil {
		k.Identity = r.o.Wire.Identity(set, about.Identity)
	}
	if about.Session != nil {
		k.Session = r.o.Wire.Session(set, about.Session, about.Now)
	}
	return k
}

// body makes the body of a call; nil for a method without one. The error is
// errCancelled when the program wants nothing to be sent.
func (r *Runner) body(ctx context.Context, set *flow.Setup, s *settings, known json.RawMessage) ([]byte, error) {
	if s.bodiless() {
		return nil, nil
	}
	kind, err := s.contentType()
	if err != nil {
		return nil, err
	}
	switch {
	case s.Body != "":
	case s.builtIn == nil:
		return nil, errors.New("it has no body, and its method needs one")
	case kind == formBody:
		return form(s.builtIn)
	default:
		return s.builtIn, nil
	}
	program, err := r.program(ctx, set, s.Body)
	if err != nil {
		return nil, err
	}
	result, err := r.o.Jsonnet.Evaluate(ctx, program, jsonnet.Vars{TLA: map[string]json.RawMessage{"ctx": known}})
	var failed *jsonnet.Error
	switch {
	case errors.As(err, &failed) && failed.Raised && failed.Message == cancelled:
		return nil, errCancelled
	case errors.As(err, &failed) && (failed.Raised || s.sealed):
		// What a program raises can quote what it was told, and so can a function that
		// is given it.
		return nil, &programError{fmt.Errorf("its body raised an error in line %d", failed.Line)}
	case failed != nil && failed.Kind != jsonnet.Unavailable:
		return nil, &programError{err}
	case err != nil:
		return nil, err
	case kind == formBody:
		return form(result)
	}
	return result, nil
}

// form writes a flat object of strings as a form.
func form(result json.RawMessage) ([]byte, error) {
	var flat map[string]string
	if json.Unmarshal(result, &flat) != nil {
		return nil, errors.New("its body is to be a form and is no object whose values are strings")
	}
	values := url.Values{}
	for name, value := range flat {
		values.Set(name, value)
	}
	return []byte(values.Encode()), nil
}

// program loads a body's program, once per configuration.
func (r *Runner) program(ctx context.Context, set *flow.Setup, address string) (jsonnet.Program, error) {
	kept := r.keptFor(set)
	kept.mu.Lock()
	known, ok := kept.programs[address]
	kept.mu.Unlock()
	if ok {
		return known, nil
	}
	snippet, err := r.o.Load(ctx, address)
	if err != nil {
		return jsonnet.Program{}, fmt.Errorf("its body cannot be loaded: %w", err)
	}
	program := jsonnet.Program{Filename: "web_hook body", Snippet: string(snippet)}
	kept.mu.Lock()
	kept.programs[address] = program
	kept.mu.Unlock()
	return program, nil
}
