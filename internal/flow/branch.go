package flow

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// Switch goes on in a new flow of another kind: whoever signs in for the first time
// signs up, whoever signs up again signs in, and whoever is somebody else's
// namesake proves whose account it is.
type Switch struct {
	Kind Kind
	// Then is the step's judgement in the new flow; nil with Link.
	Then func(context.Context, *Exec) (Result, error)
	Link *Link // what the new flow, a login, has to add to the account
}

// Link is what an account gets when its owner has signed in: somebody at a provider
// who claims the same identifier. It is added by whoever proves to be the owner,
// and by nobody else.
type Link struct {
	Identity   uuid.UUID           `json:"identity"`
	Identifier string              `json:"identifier"` // that both have
	Provider   string              `json:"provider"`   // its id
	Label      string              `json:"label"`      // what people call it
	Sealed     identity.SealedLink `json:"sealed"`
	Proof      session.Method      `json:"proof"`
	// Hints narrows the form to the Types and Providers that the account has.
	Hints     bool     `json:"hints,omitempty"`
	Types     []string `json:"types"`
	Providers []string `json:"providers"`
}

func (Switch) result() {}

const linkKey = "link"

// Linking is what the flow adds to the account that signs in, nil for nothing.
func (f *Flow) Linking() *Link {
	raw, ok := f.Facts[linkKey]
	if !ok {
		return nil
	}
	var l Link
	if json.Unmarshal(raw, &l) != nil {
		return nil // written by branch, below
	}
	return &l
}

// branch goes on in a new flow.
func (r *run) branch(ctx context.Context, step *Step, sw Switch) *Answer {
	if sw.Kind == Registration && !r.SelfService.Flows.Registration.Enabled {
		return r.reject(ctx, Deny(ui.New(ui.ValidationGeneric, "reason", "There is no account for this yet, and registration was switched off by the operator.")))
	}
	old, n := r.flow, *r
	n.kind, n.told, n.body = r.kinds[sw.Kind], nil, nil
	n.flow = n.fresh(old.Type)
	f := n.flow
	f.RequestURL, f.ReturnTo, f.SchemaID = old.RequestURL, old.ReturnTo, old.SchemaID
	f.Organization, f.Challenge, f.RequestedAAL = old.Organization, old.Challenge, session.AAL1
	f.Active, f.Transient = step.Method, old.Transient
	if home := old.stage().Organization; home != nil {
		if err := f.remember(stageKey, stageFacts{Organization: home}); err != nil {
			return r.forward(ctx, err)
		}
	}
	if r.handed != nil {
		if err := f.remember(exchangeKey, true); err != nil {
			return r.forward(ctx, err)
		}
	}
	if sw.Link != nil {
		if err := f.remember(linkKey, sw.Link); err != nil {
			return r.forward(ctx, err)
		}
		f.Messages = []ui.Message{n.linkMessage(sw.Link)}
	}
	if err := n.create(ctx); err != nil {
		return r.forward(ctx, err)
	}
	if r.handed != nil {
		if err := r.write(ctx, nil, func(tx Tx) error { return tx.MoveExchange(old.ID, f.ID) }); err != nil {
			return r.forward(ctx, err)
		}
	}
	if sw.Link != nil {
		return n.askToLink(ctx)
	}
	next := n.returnsTo(step.Method)
	x, err := n.exec(ctx)
	if err != nil {
		return n.forward(ctx, err)
	}
	result, err := sw.Then(ctx, x)
	if err != nil {
		return n.unacceptable(ctx, err)
	}
	return n.act(ctx, x, next, nil, result)
}

// linkMessage says why somebody has to sign in. The keys in camel case are older
// names of the others.
func (r *run) linkMessage(l *Link) ui.Message {
	login := r.SelfService.Flows.ByKind(string(Login)).UIURL
	return ui.New(ui.LoginToLink,
		"duplicateIdentifier", l.Identifier, "duplicate_identifier", l.Identifier, "provider", l.Label,
		"newLoginUrl", login, "new_login_url", login,
		"available_credential_types", orEmpty(l.Types), "available_providers", orEmpty(l.Providers))
}

func orEmpty(all []string) []string {
	if all == nil {
		return []string{}
	}
	return all
}

// askToLink sends the client to the login that links.
func (r *run) askToLink(ctx context.Context) *Answer {
	own := withQuery(r.uiURL(Login, r.flow.ID), "no_org_ui", "true")
	switch {
	case r.handed != nil:
		to, err := r.ReturnTo(r.flow.ReturnTo, r.SelfService.DefaultBrowserReturnURL)
		if err != nil {
			return r.forward(ctx, err)
		}
		return redirect(303, withQuery(withQuery(to, "flow", r.flow.ID.String()), "no_org_ui", "true"))
	case r.JSON || r.flow.Type == API:
		return r.show(ctx, 400)
	}
	return redirect(303, own)
}

// attach adds the flow's link to a proof of its account. A level that is still too
// low leaves it for the sign-in that follows.
func (r *run) attach(l *Link, proof *Proved, s *session.Session, wants session.Requirement) (waits bool) {
	if !wants.Met(s, proof.Identity, r.availableAAL(proof.Identity), r.now) {
		return true
	}
	m := l.Proof
	m.CompletedAt = r.now
	s.Renew(m, r.now, r.lifespan(s))
	proof.Update = both(proof.Update, func(i *identity.Identity) error { return i.AddLink(l.Sealed, r.now, r.newID) })
	return false
}

// linkLater begins the sign-in with a second factor after which the link is added.
func (r *run) linkLater(ctx context.Context, l *Link, s *session.Session) *Answer {
	n := *r
	v := *r.Visit
	v.Session = s
	n.Visit = &v
	n.flow = n.fresh(r.flow.Type)
	f := n.flow
	f.RequestURL, f.ReturnTo, f.Challenge, f.RequestedAAL = r.flow.RequestURL, r.flow.ReturnTo, r.flow.Challenge, session.AAL2
	f.Messages = []ui.Message{ui.New(ui.LoginSecondFactor)}
	if err := f.remember(linkKey, l); err != nil {
		return r.forward(ctx, err)
	}
	if a := leadToConfirmation(ctx, &n); a != nil {
		return a
	}
	if err := n.create(ctx); err != nil {
		return r.forward(ctx, err)
	}
	return n.goElsewhere(n.uiURL(Login, f.ID))
}

// arrange fits a form to a link: it is about one account, and its button says
// what else happens.
func (l *Link) arrange(nodes ui.Nodes) {
	for i, n := range nodes {
		in, ok := n.Attributes.(ui.Input)
		if !ok {
			continue
		}
		if in.Name == "identifier" {
			in.Type, in.Value = ui.InputHidden, l.Identifier
			nodes[i].Attributes = in
		}
		if label := n.Meta.Label; label != nil && label.ID == ui.LoginSubmit {
			nodes[i] = n.Labelled(ui.New(ui.LoginAndLink))
		}
	}
}

// hides says that a form about a link does not show a method, because the
// account does not have it.
func (l *Link) hides(method string) bool {
	return l.Hints && !slices.Contains(l.Types, method)
}
