package config

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// CardeaEvents says who is told what happens.
type CardeaEvents struct {
	Subscriptions []EventSubscription
	Delivery      EventDelivery
}

// EventSubscription is a system that is told. Its id is the only one of that name.
type EventSubscription struct {
	ID      string
	URL     string
	Types   []string // event types, "identity.*" or "*"; never empty
	Secrets []WebhookSecret
	Headers map[string]string
}

// EventDelivery says how often and how long deliveries are tried.
type EventDelivery struct {
	Tries            int // the first one included
	MinWait, MaxWait time.Duration
	Keep             time.Duration // of those that were given up
}

// CardeaWebHooks are settings of all web hooks.
type CardeaWebHooks struct {
	Secrets []WebhookSecret
	// SessionIDs tells hooks that a sign-in waits for the id that its session will
	// have; the contract tells them of none.
	SessionIDs bool
}

// WebhookSecret is a key for signatures as it was configured: "whsec_" and base64.
type WebhookSecret string

// Key is the key itself, 24 to 64 bytes; nil when the secret is not one.
func (s WebhookSecret) Key() []byte {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(s), "whsec_"))
	if err != nil || len(key) < 24 || len(key) > 64 {
		return nil
	}
	return key
}

// Wants says whether the subscription is about a type of events.
func (s EventSubscription) Wants(eventType string) bool {
	group, _, _ := strings.Cut(eventType, ".")
	for _, t := range s.Types {
		if t == "*" || t == eventType || t == group+".*" {
			return true
		}
	}
	return false
}

func (r resolver) events() error {
	if err := sound("cardea.web_hooks.secrets", r.Cardea.WebHooks.Secrets); err != nil {
		return err
	}
	seen := map[string]bool{}
	for n := range r.Cardea.Events.Subscriptions {
		s := &r.Cardea.Events.Subscriptions[n]
		if seen[s.ID] {
			return fmt.Errorf("cardea.events.subscriptions: there are two of the id %q", s.ID)
		}
		seen[s.ID] = true
		if len(s.Types) == 0 {
			s.Types = []string{"*"}
		}
		if err := sound(fmt.Sprintf("cardea.events.subscriptions.%d.secrets", n), s.Secrets); err != nil {
			return err
		}
	}
	return nil
}

// sound checks secrets as far as the schema cannot.
func sound(key string, secrets []WebhookSecret) error {
	for _, s := range secrets {
		if s.Key() == nil {
			return fmt.Errorf(`%s: a secret is "whsec_" and the base64 of 24 to 64 random bytes`, key)
		}
	}
	return nil
}
