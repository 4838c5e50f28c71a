package event

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/errand"
	"cardea/internal/fetch"
	"cardea/internal/flow"
)

// MaxAnswer (bytes) is what is read of an answer: it is for the client that a Sender
// is given. Answers say yes or no by their status.
const MaxAnswer = 1 << 20

// Doer sends a request once: the guarded client.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Sender posts events to subscriptions. Make it with NewSender; safe for concurrent
// use.
type Sender struct {
	client func(*config.Snapshot) (Doer, error)
	clock  clock.Clock

	mu   sync.Mutex
	kept *config.Snapshot
	made func() (Doer, error)
}

// NewSender makes a sender. client makes the client of a configuration, which is
// expected to give up after errand.Timeout and not to try again by itself.
func NewSender(client func(*config.Snapshot) (Doer, error), c clock.Clock) *Sender {
	return &Sender{client: client, clock: c}
}

func (s *Sender) clientOf(snapshot *config.Snapshot) (Doer, error) {
	s.mu.Lock()
	if s.kept != snapshot {
		s.kept, s.made = snapshot, sync.OnceValues(func() (Doer, error) { return s.client(snapshot) })
	}
	made := s.made
	s.mu.Unlock()
	return made()
}

// Run posts an event to wherever its subscription is by now. Any status of 2xx is a
// success. A receiver that answers 410 Gone, and a subscription that is not there any
// more, end the attempts.
func (s *Sender) Run(ctx context.Context, set *flow.Setup, e flow.Errand, said []byte) error {
	id := strings.TrimPrefix(e.Target, targetPrefix)
	to := subscription(set, id)
	if to == nil {
		return &errand.FinalError{Cause: fmt.Errorf("cardea.events.subscriptions: there is no %q any more", id)}
	}
	client, err := s.clientOf(set.Snapshot)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(said))
	if err != nil {
		return errors.New("the address of the subscription is none") // err quotes it
	}
	for name, value := range to.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/json")
	errand.Identify(req.Header, e.Event.String())
	errand.Sign(req.Header, to.Secrets, e.Event.String(), s.clock.Now(), said)
	res, err := client.Do(req)
	switch {
	case errors.Is(err, fetch.ErrForbiddenAddress):
		return &errand.FinalError{Cause: err}
	case err != nil:
		return err
	}
	defer func() { _ = res.Body.Close() }()
	switch {
	case res.Request != nil && res.Request.Method != http.MethodPost:
		return errors.New("the receiver redirects, and the body got lost on the way")
	case res.StatusCode == http.StatusGone:
		return &errand.FinalError{Cause: errors.New("the receiver answered 410: it wants no more events")}
	case res.StatusCode < 200 || res.StatusCode > 299:
		return fmt.Errorf("the receiver answered %d", res.StatusCode)
	}
	return nil
}

func subscription(set *flow.Setup, id string) *config.EventSubscription {
	for n := range set.Cardea.Events.Subscriptions {
		if s := &set.Cardea.Events.Subscriptions[n]; s.ID == id {
			return s
		}
	}
	return nil
}
