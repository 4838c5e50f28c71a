package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/identity/schema"
	"cardea/internal/org"
	"cardea/internal/payload"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// Need says who has to be there for a step.
type Need int

// What a step can need, weakest first.
const (
	NeedNothing      Need = iota
	NeedSession           // somebody is signed in
	NeedFreshSession      // and has been for less than privileged_session_max_age
)

// CSRFRule says whether a submission carries the anti-CSRF token.
type CSRFRule struct {
	Exempt string // why no token is needed; "" means that it is
	Unless string // a field with which it is needed all the same
}

// Spec is what the pipeline has to know of a step without asking it.
type Spec struct {
	Kind     Kind
	Method   string // the value of the form's "method"
	Group    ui.Group
	Triggers []string // other fields that select this step
	Needs    Need
	CSRF     CSRFRule
	Required []string          // fields of the input that must be there
	Aliases  map[string]string // older names of fields: alias → name
	Traits   bool              // the submission carries traits of the flow's schema
	Echo     []string          // fields that may be shown again after a failure; traits always may
	Enabled  func(*Setup) bool
	// Retyped are fields beside those of Echo that the form shows again which takes
	// the place of one that was open for too long.
	Retyped []string
	// FirstScreen steps have a place on the first of several screens, Companion
	// ones beside the screen on which a code is asked for. FirstScreenOnly steps
	// have none on a single screen. What FirstScreen steps that Stay show besides their
	// button is on the screen after it as well, whoever was named.
	FirstScreen, FirstScreenOnly, Companion, Stays bool
	// ParksAlways steps keep a submission that needs a new sign-in also for clients
	// that do not navigate.
	ParksAlways bool
	// Connects marks the step that brings the connections of organizations. Its input
	// has a field "provider".
	Connects bool
	// Confirms marks the step that asks for something in place of a second factor from
	// those who have none and have signed in unusually.
	Confirms bool
	// Catches marks the step that takes what nobody else claims.
	Catches bool
	// Unheard steps claim nothing while they are switched off. What is meant for any
	// other step that is switched off is answered with 404.
	Unheard bool
	// Answers decides whether a submission is meant for the step, in place of
	// Method and Triggers. It sees the flow and the text of any field.
	Answers func(f *Flow, field func(string) string) bool
	// Guess is how a submission guesses at a secret; nil for steps with which nobody
	// can guess their way to a session.
	Guess *Guess
	// Link is the query parameter with which links in mails lead to the step. Such
	// a link is opened by a page, whoever began the flow.
	Link string
	// TraitsLater steps take traits along that they judge when they know the rest.
	TraitsLater bool
	// Accepts says whether the step takes part in this flow at all (a password
	// has no say in a second-factor login); nil means always.
	Accepts func(*Flow) bool
}

// View is what a step sees when it renders. Identity is the account of a
// settings flow, with credentials; nil in other kinds.
type View struct {
	Identity *identity.Identity
	Setup    *Setup
	Flow     *Flow
	Schema   *schema.Schema
	Facts    json.RawMessage // of this step's method; nil for none
	Recent   bool            // somebody is signed in, recently enough to see how they sign in
	Realm    Realm           // whose connections are offered
}

// Vault opens what credentials and facts do not show.
func (v View) Vault() identity.Vault { return v.Setup.Vault(nil) }

// Exec is what a step may use while it prepares or judges.
type Exec struct {
	Setup   *Setup
	Flow    *Flow
	Schema  *schema.Schema
	Session *session.Session // nil for nobody
	Recent  bool             // the sign-in is recent enough to change how somebody signs in
	Now     time.Time
	Store   Reader
	Realm   Realm // whose connections are offered
	// Home finds the organization whose connections somebody with an identifier is
	// led to, or an account; nil for none.
	Home func(ctx context.Context, identifier string, i *identity.Identity) (*org.Organization, error)
	// Identity is the account of a settings flow, with credentials. For steps with
	// Traits of other kinds it is a new one with the submitted traits applied.
	// Derived is what the schema makes of the submitted traits.
	Identity *identity.Identity
	Derived  *identity.Derived
	// Raw is the submitted traits as they came, for steps with Traits.
	Raw map[string]any
	// Told is what the form said as a whole before this submission.
	Told []ui.Message
	// Headers are those of the request that the operator lets messages see.
	Headers map[string][]string
	// Brief is the account of the journey for a system that is asked about somebody
	// in the course of a step. Other than the hooks of a flow, it is told all headers.
	Brief func(context.Context, *identity.Identity) (HookCall, error)
	// Methods lists the steps of the flow's kind that an account can use; those
	// that any account could use for nil.
	Methods func(*identity.Identity) []string
	// Connecting lists the steps of the flow's kind that bring connections of
	// organizations.
	Connecting func() []string

	rand    io.Reader
	write   func(context.Context, func(Tx) error) error
	consume func(ctx context.Context, purpose, subject string, keys [][]byte, now time.Time) ([]byte, Outcome, error)
	spend   func(ctx context.Context, purpose string, key []byte, until time.Time) (bool, error)
}

// Reader is what steps may read. Missing rows answer problem.ErrNotFound.
type Reader interface {
	Identity(ctx context.Context, id uuid.UUID) (*identity.Identity, error)
	IdentityByIdentifier(ctx context.Context, t identity.CredentialType, identifiers ...string) (*identity.Identity, error)
	IdentityByIdentifiers(ctx context.Context, types []identity.CredentialType, identifiers ...string) (*identity.Identity, error)
	IdentityByRecoveryAddress(ctx context.Context, via identity.Channel, value string) (*identity.Identity, error)
	IdentityByVerifiableAddress(ctx context.Context, via identity.Channel, value string) (*identity.Identity, error)
}

// Typed is a step whose input is a struct with json tags.
type Typed[In any] struct {
	Spec
	// Prepare runs when a flow is created, before it is stored. It returns the
	// facts to remember, nil for none, or an Await for a flow that begins further on.
	Prepare func(context.Context, *Exec) (any, error)
	// Render is pure: facts in, nodes out. Where a form does not begin with the
	// anti-CSRF token, the step puts ui.CSRFToken("") in its place. Nil for steps
	// that show nothing.
	Render func(context.Context, View) (ui.Nodes, error)
	// Submit judges a decoded and validated input.
	Submit func(context.Context, *Exec, In) (Result, error)
	// Open is Submit for a link in a mail; nil when opening the link is as good as
	// sending the form.
	Open func(context.Context, *Exec, In) (Result, error)
	// Resume judges how a browser came back that a Leave has sent away.
	Resume func(context.Context, *Exec, Back) (Result, error)
	// Try judges the same for a trial and gives its report, which is kept as JSON. Nil
	// for steps that cannot be tried out.
	Try func(context.Context, *Exec, Back) any
	// Mediated is how the step takes part in sign-ins that the browser mediates; nil
	// for steps that do not.
	Mediated *Mediated
	// Send starts the step on behalf of somebody whose address is known: the
	// verification after a registration, a code for the only second factor. An
	// Await without a state says that the method does not reach the address; without
	// an address nothing is sent, but everything is made ready. Nil for steps that
	// send nothing.
	Send func(context.Context, *Exec, identity.Address, *identity.Identity) (Await, error)
	// Usable says whether an account can sign in with the method; nil means never.
	Usable func(*Setup, *identity.Identity) bool
}

// Step is a step whose input type is hidden from the pipeline.
type Step struct {
	Spec
	shape   *payload.Shape
	prepare func(context.Context, *Exec) (any, error)
	render  func(context.Context, View) (ui.Nodes, error)
	submit  func(context.Context, *Exec, map[string]any) (Result, error)
	open    func(context.Context, *Exec, map[string]any) (Result, error)
	resume  func(context.Context, *Exec, Back) (Result, error)
	try     func(context.Context, *Exec, Back) any
	send    func(context.Context, *Exec, identity.Address, *identity.Identity) (Await, error)
	usable  func(*Setup, *identity.Identity) bool

	mediated *Mediated
	opens    bool // a link does something else than the form
}

// Of makes a step out of a typed one. The input's shape is derived once, here.
func Of[In any](t Typed[In]) *Step {
	bound := func(judge func(context.Context, *Exec, In) (Result, error)) func(context.Context, *Exec, map[string]any) (Result, error) {
		return func(ctx context.Context, x *Exec, tree map[string]any) (Result, error) {
			var in In
			if err := payload.Bind(tree, &in); err != nil {
				return nil, fmt.Errorf("bind the input of %s: %w", t.Method, err)
			}
			return judge(ctx, x, in)
		}
	}
	s := &Step{
		Spec:    t.Spec,
		shape:   payload.ShapeOf[In](),
		prepare: t.Prepare,
		render:  t.Render,
		send:    t.Send,
		resume:  t.Resume,
		try:     t.Try,
		usable:  t.Usable,

		mediated: t.Mediated,
		submit:   bound(t.Submit),
	}
	s.open = s.submit
	if t.Open != nil {
		s.open, s.opens = bound(t.Open), true
	}
	if s.render == nil {
		s.render = func(context.Context, View) (ui.Nodes, error) { return nil, nil }
	}
	return s
}

// accepts says whether the step takes part in a flow.
func (s *Step) accepts(f *Flow) bool {
	return (s.Accepts == nil || s.Accepts(f)) && (f.Trial() == nil || s.try != nil)
}

// answersTo says whether a submission is meant for this step.
func (s *Step) answersTo(f *Flow, body *payload.Body) bool {
	if !s.accepts(f) {
		return false
	}
	if s.Answers != nil {
		return s.Answers(f, body.First)
	}
	if body.First("method") == s.Method {
		return true
	}
	return slices.ContainsFunc(s.Triggers, func(field string) bool { return body.First(field) != "" })
}

// Result is what a step found out. The set is closed.
type Result interface{ result() }

// Proved ends a login: somebody showed who they are.
type Proved struct {
	Identity   *identity.Identity   // with credentials
	Method     session.Method       // the evidence
	Credential *identity.Credential // replaces the stored one (a re-hash), nil to leave it
	// Update changes the identity as it is stored at that moment, with credentials.
	// It does no slow work and may run twice; an error ends the login. Nil changes
	// nothing.
	Update  func(*identity.Identity) error
	State   State // of the flow from now on; "" keeps it
	Facts   any   // of the step's method, also when the login ends otherwise; nil keeps them
	Effects Effects
	// Fresh proofs make a new session also for whoever is signed in already.
	Fresh bool
}

// NewIdentity ends a registration: Exec.Identity completed with a credential.
type NewIdentity struct {
	Identity *identity.Identity
	Method   session.Method
	State    State // of the flow from now on; "" keeps it
	Facts    any   // of the step's method, also when the identity cannot be stored; nil keeps them
}

// Await shows the next screen: a code was sent, an account was found. The flow
// goes on.
type Await struct {
	State   State    // "" keeps it
	Stage   Stage    // screen to show; only with Screen
	Screen  bool     // Stage and Methods count
	Methods []string // of the stage Prove
	Linked  []string // of the stage Prove: the account's providers, nil for any
	// Home is the organization whose connections the stage shows, nil for none; with
	// Only it shows nothing else.
	Home *uuid.UUID
	Only bool
	// Forward is the one connection to go on to at once, "" to show the stage.
	Forward string
	Form    []ui.Message   // replaces the messages of the form
	Values  map[string]any // replaces what fields show; nil keeps it
	Facts   any            // of the step's method; nil keeps them
	Active  *string        // the method to note as active; nil for the step's
	Quiet   bool           // a step back: the answer does not repeat the transient payload
	// Elsewhere sends also clients that do not navigate to the page of the flow,
	// which goes on there.
	Elsewhere bool
	Effects   Effects
}

// Hand lets another method of the same kind go on: an account was found that has
// only one way in.
type Hand struct {
	Method   string
	Identity *identity.Identity
	Typed    string // the identifier as it was typed
}

// AddressProved ends a verification.
type AddressProved struct {
	Address identity.Address
	Form    []ui.Message
	Effects Effects
}

// Recovered ends a recovery: somebody showed that an account's mailbox is theirs.
type Recovered struct {
	Identity uuid.UUID
	Address  identity.Address // that was proved; zero for a proof that an operator handed out
	Method   session.Method
	Effects  Effects
}

// Again sends the client back to the page of the flow, which stays as it is.
type Again struct{}

// Replaced gives up a flow that cannot go on for a fresh one that says why.
type Replaced struct{ Why ui.Message }

// Rejected leaves the flow where it is and says why. A soft rejection is
// answered like progress: the contract does so with wrong codes.
type Rejected struct {
	Form   []ui.Message
	Fields []FieldMessage
	Soft   bool
	Over   bool // also the success of an earlier submission leaves the form
	// Unjudged rejections found nothing out: no guess was compared with anything.
	Unjudged bool
	// Stage is the screen to show from now on, with Method alone; "" keeps it.
	Stage  Stage
	Method string
	Values map[string]any // replaces what fields show; nil keeps it
	Facts  any            // of Method; nil keeps them
}

func (Proved) result()        {}
func (NewIdentity) result()   {}
func (Await) result()         {}
func (Hand) result()          {}
func (AddressProved) result() {}
func (Recovered) result()     {}
func (Again) result()         {}
func (Replaced) result()      {}
func (Rejected) result()      {}

// Deny is a rejection with one message for the whole form.
func Deny(m ui.Message) Rejected { return Rejected{Form: []ui.Message{m}} }

// DenyField is a rejection with one message on a node.
func DenyField(node string, m ui.Message) Rejected {
	return Rejected{Fields: []FieldMessage{{Node: node, Message: m}}}
}
