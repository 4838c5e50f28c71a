package event

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/errand"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/session"
)

// Wire writes the JSON of the contract.
type Wire interface {
	Identity(set *flow.Setup, i *identity.Identity) []byte
	Session(set *flow.Setup, s *session.Session, now time.Time) []byte
}

// Spool writes errands that no transaction writes.
type Spool interface {
	Add(all []flow.Errand)
}

// Publisher makes errands of what happens, one for each subscription that wants to
// hear of it. Safe for concurrent use.
type Publisher struct {
	Wire  Wire
	Rand  io.Reader // cryptographic randomness
	Spool Spool
}

// Wants says whether anybody has subscribed to a type.
func (p *Publisher) Wants(set *flow.Setup, t Type) bool {
	for _, s := range set.Cardea.Events.Subscriptions {
		if s.Wants(string(t)) {
			return true
		}
	}
	return false
}

// targetPrefix tells subscriptions from web hooks in the names of targets.
const targetPrefix = "events/"

// errands are one for each subscription; all say the same under the same id.
func (p *Publisher) errands(set *flow.Setup, t Type, subject uuid.UUID, now time.Time, d data) ([]flow.Errand, error) {
	id, err := uuid.NewRandomFromReader(p.Rand)
	if err != nil {
		return nil, err
	}
	said, err := json.Marshal(envelope{ID: id, Type: t, Version: Version, Timestamp: now, Data: d})
	if err != nil {
		return nil, err
	}
	var all []flow.Errand
	for _, s := range set.Cardea.Events.Subscriptions {
		if !s.Wants(string(t)) {
			continue
		}
		e, err := errand.New(set, p.Rand, flow.Errand{
			Event: id, Kind: flow.ErrandEvent, Target: targetPrefix + s.ID, Type: string(t), Subject: subject, CreatedAt: now,
		}, said)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// IdentityChanged are the errands about an identity that was created, updated or
// deleted. before is what it was before an update.
func (p *Publisher) IdentityChanged(set *flow.Setup, t Type, i, before *identity.Identity, now time.Time) ([]flow.Errand, error) {
	d := data{IdentityID: &i.ID}
	if t != IdentityDeleted { // of whom is gone nothing is told any more
		d.Identity = p.Wire.Identity(set, i)
	}
	if before != nil {
		d.Changed = changed(before, i)
	}
	return p.errands(set, t, i.ID, now, d)
}

// SessionChanged are the errands about a session that was created or has ended.
func (p *Publisher) SessionChanged(set *flow.Setup, t Type, s *session.Session, why session.EndReason, now time.Time) ([]flow.Errand, error) {
	d := data{IdentityID: &s.IdentityID, SessionID: &s.ID, Reason: why}
	if t == SessionCreated {
		d.Session = p.session(set, s, now)
	}
	return p.errands(set, t, s.IdentityID, now, d)
}

// session is a session without its identity, which stands beside it.
func (p *Publisher) session(set *flow.Setup, s *session.Session, now time.Time) json.RawMessage {
	alone := *s
	alone.Identity = nil
	return p.Wire.Session(set, &alone, now)
}

// WantsEnd says whether anybody wants to hear how submissions of a kind end.
func (p *Publisher) WantsEnd(set *flow.Setup, k flow.Kind, failed bool) bool {
	return p.Wants(set, Ended(k, failed))
}

// Ended are the errands about the end of a submission.
func (p *Publisher) Ended(set *flow.Setup, end flow.End) ([]flow.Errand, error) {
	f := end.Flow
	d := data{
		Flow: &journey{
			ID: f.ID, Kind: f.Kind, Type: f.Type, Method: end.Method, RequestedAAL: string(f.RequestedAAL), Refresh: f.Refresh,
			OrganizationID: f.Organization, Transient: f.Transient,
		},
		Client: &client{IP: end.Device.IPAddress, UserAgent: end.Device.UserAgent},
	}
	if len(d.Flow.Transient) == 0 {
		d.Flow.Transient = json.RawMessage(`{}`)
	}
	subject := f.ID
	if end.IdentityID != nil {
		d.IdentityID, subject = end.IdentityID, *end.IdentityID
	}
	if end.Identity != nil {
		d.IdentityID, subject, d.Identity = &end.Identity.ID, end.Identity.ID, p.Wire.Identity(set, end.Identity)
	}
	if end.Session != nil {
		d.SessionID, d.Session = &end.Session.ID, p.session(set, end.Session, end.Now)
	}
	if len(end.Risk.Signals) > 0 {
		d.Risk = &odds{end.Risk.Signals, end.Risk.Response.String()}
	}
	if end.Failed {
		d.Failure = &failure{}
		for _, m := range end.Messages {
			d.Failure.Messages = append(d.Failure.Messages, int(m))
		}
		if end.Problem != nil {
			d.Failure.Status, d.Failure.ErrorID = end.Problem.Status, string(end.Problem.ID)
		}
	}
	return p.errands(set, Ended(f.Kind, end.Failed), subject, end.Now, d)
}

// Aside writes errands that no transaction writes, later: nobody waits.
func (p *Publisher) Aside(all []flow.Errand) { p.Spool.Add(all) }

// changed names the parts of an identity that an update has changed, in the words of
// its JSON. It does not say which credentials or traits.
func changed(before, after *identity.Identity) []string {
	parts := identity.Changed(before, after)
	for n, p := range parts {
		parts[n], _, _ = strings.Cut(p, ".")
	}
	return slices.Compact(parts)
}
