package flow

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/config"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/trace"
)

// Web hooks: calls to systems that the operator named, at the points of a journey
// where the kind has them (section 11 of the reference of methods). A call never
// happens inside a transaction.

const hookWeb = "web_hook"

// Hooks makes the calls of web hooks.
type Hooks interface {
	// Call makes one call and waits. The answer is never nil without an error, which is a *problem.Error: 502 for an answer that a hook must not
	// give, 504 for none in time, 500 for everything else.
	Call(ctx context.Context, set *Setup, settings json.RawMessage, about HookCall) (*HookAnswer, error)
	// Errand makes an errand of a call that nobody waits for. What is known now is what
	// the hook will be told.
	Errand(set *Setup, settings json.RawMessage, about HookCall) (Errand, error)
}

// HookCall is what a web hook is told.
type HookCall struct {
	Page     *Page              // the flow as its client would see it now
	Identity *identity.Identity // nil for nobody
	Session  *session.Session   // nil for none
	Now      time.Time
	Before   bool // the journey begins with it

	// The request of the client that got the journey here.
	Method  string
	URL     string
	Headers map[string][]string // those that hooks may see, by canonical name
	Cookies map[string]string
}

// HookAnswer is what a web hook wants. The zero value lets the journey go on.
type HookAnswer struct {
	Refused *Rejected       // ends the journey here, with these messages
	Change  *IdentityChange // nil leaves the identity alone
}

// IdentityChange is what a web hook wants changed. A field that is given replaces
// what is there; nil and "" stand for what is not given.
type IdentityChange struct {
	SchemaID       string
	State          identity.State
	ExternalID     *string
	Traits         json.RawMessage
	MetadataPublic json.RawMessage
	MetadataAdmin  json.RawMessage
	// Verifiable says how far the proofs of addresses are. Which addresses there are
	// is the schema's decision: others are passed over.
	Verifiable []identity.VerifiableAddress
}

// occasion is what hooks are told besides the flow and the request.
type occasion struct {
	identity *identity.Identity
	session  *session.Session
	begins   bool // the flow is being created: nobody has submitted anything
	unheard  bool // nobody waits for any answer
	unstored bool // the session is not stored yet, and may never be

	breaksGlass bool // an address has led around the connections of an organization
}

// mode is how much a web hook's answer counts.
type mode struct {
	CanInterrupt bool `json:"can_interrupt"`
	Response     struct {
		Ignore bool `json:"ignore"`
		Parse  bool `json:"parse"`
	} `json:"response"`
}

func modeOf(h config.Hook) (m mode) {
	_ = json.Unmarshal(h.Config, &m) // what cannot be read has no mode; Call says so
	return m
}

// ignores says whether nobody waits for the answer of a hook.
func ignores(h config.Hook) bool { return h.Name == hookWeb && modeOf(h).Response.Ignore }

// interrupts says whether a hook may end the journey or change the identity.
func interrupts(h config.Hook) bool {
	m := modeOf(h)
	return h.Name == hookWeb && !m.Response.Ignore && (m.CanInterrupt || m.Response.Parse)
}

// reports is every other web hook that somebody waits for: its answer is an
// acknowledgement.
func reports(h config.Hook) bool { return h.Name == hookWeb && !interrupts(h) && !ignores(h) }

func isWebHook(h config.Hook) bool { return h.Name == hookWeb }

// gates are where the hooks stand that decide before something is stored: among the
// method's own, and among those of all methods unless the method has one itself. The
// latter come first: nothing may wait to be proved that they have not seen.
func (s *Setup) gates(k Kind, method string) []config.Hook {
	after := s.SelfService.Flows.ByKind(string(k)).After
	own := after.Methods[method].Hooks
	if slices.ContainsFunc(own, interrupts) {
		return own
	}
	return slices.Concat(after.Hooks, own)
}

// afterHooks are the hooks that follow a success: the method's own, else those of
// all methods; the two lists are never merged.
func (s *Setup) afterHooks(k Kind, method string) []config.Hook {
	after := s.SelfService.Flows.ByKind(string(k)).After
	if own := after.Methods[method].Hooks; len(own) > 0 {
		return own
	}
	return after.Hooks
}

// tell calls the hooks that meet a condition, in their order, and ends with the
// first one that fails or refuses. change is called for each answer that changes
// the identity; nil passes such answers over.
func (r *run) tell(ctx context.Context, hooks []config.Hook, which func(config.Hook) bool, o occasion, change func(*IdentityChange) (*Rejected, error)) (*Rejected, error) {
	for _, h := range hooks {
		if !which(h) {
			continue
		}
		if ignores(h) {
			e, err := r.errand(ctx, h, o)
			if err != nil {
				return nil, err
			}
			r.ledger.owed = append(r.ledger.owed, e)
			continue
		}
		if r.hooks == nil {
			return nil, errNoHooks()
		}
		about, err := r.briefing(ctx, o)
		if err != nil {
			return nil, err
		}
		r.own = nil // who answers may change the account
		hook, span := trace.Start(ctx, "web hook")
		answer, err := r.hooks.Call(hook, r.Setup, h.Config, about)
		span.Done(err)
		if err != nil {
			return nil, err
		}
		if answer.Refused != nil {
			return answer.Refused, nil
		}
		if answer.Change == nil || change == nil {
			continue
		}
		if refused, err := change(answer.Change); refused != nil || err != nil {
			return refused, err
		}
	}
	return nil, nil
}

func errNoHooks() error {
	return problem.Internal(errors.New("web hooks are configured, and nobody is there to call them"))
}

// errand makes an errand of the call of a hook. It is told of everything by the ids
// that it has, or will have once the errand is written with it.
func (r *run) errand(ctx context.Context, h config.Hook, o occasion) (Errand, error) {
	if r.hooks == nil {
		return Errand{}, errNoHooks()
	}
	o.unstored = false
	about, err := r.briefing(ctx, o)
	if err != nil {
		return Errand{}, err
	}
	return r.hooks.Errand(r.Setup, h.Config, about)
}

// briefing is the account of the journey that a hook is given.
func (r *run) briefing(ctx context.Context, o occasion) (HookCall, error) {
	page, err := r.page(ctx)
	if err != nil {
		return HookCall{}, err
	}
	if !o.begins {
		f := *r.flow
		if len(f.Transient) == 0 {
			f.Transient = json.RawMessage(`{}`)
		}
		page.Flow, page.Transient = &f, true
	}
	session := o.session
	if o.unstored {
		session = r.unstored(session)
	}
	about := HookCall{
		Page: page, Identity: o.identity, Session: session, Now: r.now, Before: o.begins,
		Method: r.Method, URL: r.URL, Headers: r.Headers,
	}
	if r.AllCookies != nil {
		about.Cookies = r.AllCookies()
	}
	return about, nil
}

// brief is briefing for steps; see Exec.Brief.
func (r *run) brief(ctx context.Context, i *identity.Identity) (HookCall, error) {
	about, err := r.briefing(ctx, occasion{identity: i})
	if r.AllHeaders != nil {
		about.Headers = r.AllHeaders()
	}
	return about, err
}

// ask is tell for hooks whose refusal is shown on the form; nil goes on.
func (r *run) ask(ctx context.Context, hooks []config.Hook, which func(config.Hook) bool, o occasion, change func(*IdentityChange) (*Rejected, error)) *Answer {
	refused, err := r.tell(ctx, hooks, which, o, change)
	return r.refusedBy(ctx, refused, err)
}

// refusedBy answers to what hooks decided; nil goes on.
func (r *run) refusedBy(ctx context.Context, refused *Rejected, err error) *Answer {
	switch {
	case err != nil:
		return r.forward(ctx, r.failed(err))
	case refused != nil:
		return r.reject(ctx, *refused)
	}
	return nil
}

// failed gives the error of a hook the status that the contract has for errors
// without one (section 3.6 of the HTTP reference): the envelope says 500, the
// answer itself 400 to native clients and in the journeys of accounts.
func (r *run) failed(err error) error {
	p := asProblem(err)
	if p.Status != 500 || p.ID != "" || r.flow.Type != API && !r.kind.bareErrors400 {
		return p
	}
	statusless := *p
	statusless.Status, statusless.Code = 400, 500
	return &statusless
}

// errRefused is the cause of a start that a hook did not want.
var errRefused = errors.New("the hook refused")

// hookFailure is an error of a hook at the start of a journey.
type hookFailure struct{ cause error }

func (f *hookFailure) Error() string { return "a hook at the start: " + f.cause.Error() }
func (f *hookFailure) Unwrap() error { return f.cause }

// beforeHooks runs the hooks of a flow that is being created. Nothing is stored
// yet, so there is no form that could show why one of them refuses.
func (r *run) beforeHooks(ctx context.Context) error {
	hooks := r.SelfService.Flows.ByKind(string(r.kind.name)).Before.Hooks
	refused, err := r.tell(ctx, hooks, isWebHook, occasion{session: r.settingsSession(), begins: true}, nil)
	switch {
	case err != nil:
		return &hookFailure{err}
	case refused != nil:
		return &hookFailure{refusedStart(refused)}
	}
	return nil
}

// refusedStart is the error of a start that a hook does not want, in the words of the
// hook: there is no form yet that could show them.
func refusedStart(why *Rejected) *problem.Error {
	all := slices.Clone(why.Form)
	for _, m := range why.Fields {
		all = append(all, m.Message)
	}
	told, texts := []map[string]any{}, []string{}
	for _, m := range all {
		about := map[string]any{"id": m.ID, "text": m.Text, "type": m.Type}
		if m.Context != nil {
			about["context"] = m.Context
		}
		told = append(told, about)
		texts = append(texts, m.Text)
	}
	p := problem.New(403, "").Named(problem.FlowRefused).Detail("messages", told).With(errRefused)
	p.Reason = strings.Join(texts, " ")
	return p
}

// settingsSession is whose settings are about to be changed; other journeys begin
// without anybody.
func (r *run) settingsSession() *session.Session {
	if r.kind.name != Settings {
		return nil
	}
	return r.Session
}

// notStarted answers to a flow that could not be created.
func (r *run) notStarted(ctx context.Context, err error) *Answer {
	var hook *hookFailure
	if errors.As(err, &hook) && r.kind.plainStart {
		return envelope(asProblem(hook.cause))
	}
	return r.forward(ctx, err)
}

// unstored is a session as hooks see it that run before it is stored: a new one
// has no id yet, unless the operator wants it told.
func (r *run) unstored(s *session.Session) *session.Session {
	if r.renewed(s) || r.Setup.Cardea.WebHooks.SessionIDs {
		return s
	}
	seen := *s
	seen.ID = uuid.Nil
	return &seen
}

// settleChange checks what a hook wants to make of an identity. apply does no slow
// work and may run twice, also on the row as it is by then.
func (r *run) settleChange(i *identity.Identity, c *IdentityChange) (apply func(*identity.Identity) error, refused *Rejected, err error) {
	var derived *identity.Derived
	if c.Traits != nil || c.SchemaID != "" {
		schemaID, traits := c.SchemaID, c.Traits
		if schemaID == "" {
			schemaID = i.SchemaID
		}
		if traits == nil {
			traits = i.Traits
		}
		s, err := r.Schema(schemaID)
		if err != nil {
			return nil, nil, err
		}
		valid, violations, err := s.Validate(traits)
		if err != nil {
			return nil, nil, problem.Internal(err)
		}
		if len(violations) > 0 {
			refused := &Rejected{}
			rejectTraits(violations, refused)
			return nil, refused, nil
		}
		derived = valid
	}
	apply = func(i *identity.Identity) error { return r.applyChange(i, c, derived) }
	tried := *i
	tried.Credentials = nil // of a copy: nothing of the original is written to
	tried.VerifiableAddresses = slices.Clone(i.VerifiableAddresses)
	if err := apply(&tried); err != nil {
		return nil, nil, problem.Internal(err) // the hook's mistake, not the person's
	}
	return apply, nil, nil
}

func (r *run) applyChange(i *identity.Identity, c *IdentityChange, derived *identity.Derived) error {
	if c.SchemaID != "" {
		i.SchemaID = c.SchemaID
	}
	if derived != nil {
		identity.Apply(i, *derived, r.now, r.newID)
	}
	for _, given := range c.Verifiable {
		given, err := given.Settled(r.now)
		if err != nil {
			return err
		}
		for n, row := range i.VerifiableAddresses {
			if row.Via == given.Via && identity.NormalizeIdentifier(row.Value) == given.Value {
				i.VerifiableAddresses[n].Verified, i.VerifiableAddresses[n].VerifiedAt, i.VerifiableAddresses[n].Status = given.Verified, given.VerifiedAt, given.Status
			}
		}
	}
	if c.MetadataPublic != nil {
		i.MetadataPublic = c.MetadataPublic
	}
	if c.MetadataAdmin != nil {
		i.MetadataAdmin = c.MetadataAdmin
	}
	if c.ExternalID != nil {
		if err := i.SetExternalID(*c.ExternalID); err != nil {
			return err
		}
	}
	if c.State != "" {
		return i.SetState(c.State, r.now)
	}
	return nil
}
