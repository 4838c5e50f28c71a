package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/errand"
	"cardea/internal/fetch"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/jsonnet"
	"cardea/internal/problem"
	"cardea/internal/session"
)

const (
	// Timeout bounds one attempt, MaxAnswer (bytes) what is read of its answer: they
	// are for the client that a Runner is given.
	Timeout   = 30 * time.Second
	MaxAnswer = 5 << 20

	attempts   = 3 // the first one included
	firstPause = time.Second
	// patience bounds all attempts of a call that somebody waits for. It is shorter
	// than the time in which a server has to answer a request.
	patience = 45 * time.Second
)

// Doer sends a request once and gives the whole answer: the guarded client.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Evaluator runs Jsonnet.
type Evaluator interface {
	Evaluate(ctx context.Context, p jsonnet.Program, v jsonnet.Vars) (json.RawMessage, error)
}

// Wire writes the JSON of the contract.
type Wire interface {
	Flow(set *flow.Setup, p *flow.Page) []byte
	Identity(set *flow.Setup, i *identity.Identity) []byte
	Session(set *flow.Setup, s *session.Session, now time.Time) []byte
}

// Options are the parts a runner is made of; all are needed.
type Options struct {
	Load    flow.Load
	Jsonnet Evaluator
	// Client makes the client for a configuration. It does not retry: every attempt
	// has an id of its own.
	Client func(*config.Snapshot) (Doer, error)
	Wire   Wire
	Clock  clock.Clock
	Rand   io.Reader // cryptographic randomness
}

// Runner calls web hooks. Safe for concurrent use.
type Runner struct {
	o Options

	mu   sync.Mutex
	kept *kept
}

// kept is what was made for one configuration.
type kept struct {
	snapshot *config.Snapshot
	client   func() (Doer, error)

	mu       sync.Mutex
	programs map[string]jsonnet.Program // by address
}

// New makes a runner.
func New(o Options) *Runner { return &Runner{o: o} }

func (r *Runner) keptFor(set *flow.Setup) *kept {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil || r.kept.snapshot != set.Snapshot {
		r.kept = &kept{
			snapshot: set.Snapshot, programs: map[string]jsonnet.Program{},
			client: sync.OnceValues(func() (Doer, error) { return r.o.Client(set.Snapshot) }),
		}
	}
	return r.kept
}

// Call makes the call of one hook; see flow.Hooks.
func (r *Runner) Call(ctx context.Context, set *flow.Setup, raw json.RawMessage, about flow.HookCall) (*flow.HookAnswer, error) {
	s, err := read(raw)
	if err != nil {
		return nil, problem.Internal(err)
	}
	known, err := r.tell(set, about)
	if err != nil {
		return nil, problem.Internal(fmt.Errorf("%s: %w", s.name(), err))
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := r.call(waiting, set, s, known)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s: %w", s.name(), ctx.Err()) // nobody waits any more
	}
	return answer, err
}

// call makes the body, sends it and judges the answer.
func (r *Runner) call(ctx context.Context, set *flow.Setup, s *settings, known json.RawMessage) (*flow.HookAnswer, error) {
	body, err := r.body(ctx, set, s, known)
	if errors.Is(err, errCancelled) {
		return &flow.HookAnswer{}, nil
	}
	if err != nil {
		return nil, problem.Internal(fmt.Errorf("%s: %w", s.name(), err))
	}
	client, err := r.keptFor(set).client()
	if err != nil {
		return nil, problem.Internal(fmt.Errorf("%s: %w", s.name(), err))
	}
	res, err := r.send(ctx, set, client, s, body)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, problem.New(504, "A system that had to be asked did not answer in time.").Named(problem.Upstream).With(fmt.Errorf("%s: %w", s.name(), err))
	case err != nil:
		return nil, problem.Internal(fmt.Errorf("%s: %w", s.name(), err))
	}
	return judge(s, res)
}

// send makes up to three attempts, with a pause of one second and twice as much
// after each. What did not answer in its time is not asked again: it may have done
// what it was told, and somebody waits.
func (r *Runner) send(ctx context.Context, set *flow.Setup, client Doer, s *settings, body []byte) (*http.Response, error) {
	trigger, err := uuid.NewRandomFromReader(r.o.Rand)
	if err != nil {
		return nil, err
	}
	pause := firstPause
	for attempt := 1; ; attempt++ {
		res, err := r.attempt(ctx, set, client, s, body, trigger)
		if attempt == attempts || ctx.Err() != nil || !worthAgain(res, err) {
			return res, err
		}
		r.o.Clock.SleepUntil(ctx, r.o.Clock.Now().Add(pause))
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		pause *= 2
	}
}

func (r *Runner) attempt(ctx context.Context, set *flow.Setup, client Doer, s *settings, body []byte, trigger uuid.UUID) (*http.Response, error) {
	id, err := uuid.NewRandomFromReader(r.o.Rand)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, s.Method, s.URL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("not a request that can be sent") // err quotes the address
	}
	s.dress(req, trigger, id)
	errand.Sign(req.Header, set.Cardea.WebHooks.Secrets, trigger.String(), r.o.Clock.Now(), body)
	return client.Do(req)
}

// worthAgain says whether another attempt could do better.
func worthAgain(res *http.Response, err error) bool {
	if err != nil {
		return !errors.Is(err, fetch.ErrForbiddenAddress) && !errors.Is(err, fetch.ErrBodyTooLarge) && !errors.Is(err, context.DeadlineExceeded)
	}
	return unavailable(res.StatusCode)
}

// unavailable are the answers of a system that cannot do it now. One that says that
// it never will (501) has answered.
func unavailable(status int) bool {
	return status == http.StatusTooManyRequests || status >= 500 && status != http.StatusNotImplemented
}

// judge reads an answer as far as the hook's answer counts.
func judge(s *settings, res *http.Response) (*flow.HookAnswer, error) {
	defer func() { _ = res.Body.Close() }()
	status := res.StatusCode
	answered := fmt.Errorf("%s: answered %d", s.name(), status)
	switch {
	case res.Request != nil && res.Request.Method != s.Method:
		// A redirect of 301, 302 or 303 goes on as GET, without the body (RFC 9110, section 15.4).
		return nil, improper(fmt.Errorf("%s: redirects, and the body got lost on the way", s.name()))
	case unavailable(status):
		return nil, problem.Internal(answered)
	case status >= 400 && !s.listens():
		return nil, improper(answered)
	case status < 400 && (status != http.StatusOK || !s.Response.Parse):
		return &flow.HookAnswer{}, nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxAnswer+1))
	if err != nil || len(body) > MaxAnswer {
		return nil, problem.Internal(fmt.Errorf("%s: its answer cannot be read or is too large", s.name()))
	}
	answer := &flow.HookAnswer{}
	if status >= 400 {
		answer.Refused, err = refusal(body)
	} else {
		answer.Change, err = change(body)
	}
	if err != nil {
		return nil, problem.Internal(fmt.Errorf("%s: answered %d: %w", s.name(), status, err))
	}
	return answer, nil
}

// improper is what the client is told when a system answers what it must not.
func improper(cause error) error {
	return problem.New(502, "A system that had to be asked did not answer as it should.").Named(problem.Upstream).With(cause)
}
