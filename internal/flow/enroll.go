package flow

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// Whoever has to show a second factor and has none sets it up in the login that asks
// for it: the steps of the settings take part in the form, and the first factor that
// is added proves itself. So the journey that an application leads people to when
// their level is too low ends for everybody, wherever they wanted to go.

// enrollKey is where such a login keeps whose it is.
const enrollKey = "enrollment"

type enrollment struct {
	Identity uuid.UUID `json:"identity"`
}

// Enrolls says whether a second factor is set up in this login.
func (f *Flow) Enrolls() bool {
	_, ok := f.Facts[enrollKey]
	return ok
}

// AsksSecondFactor says whether the login asks for a second factor that is there.
func (f *Flow) AsksSecondFactor() bool {
	return f.RequestedAAL == session.AAL2 && !f.Enrolls() && !f.Confirms()
}

// enrolls says whether a second factor is set up for the identity of a session.
func (f *Flow) enrolls(s *session.Session) bool {
	var e enrollment
	raw, ok := f.Facts[enrollKey]
	return ok && json.Unmarshal(raw, &e) == nil && e.Identity == s.IdentityID
}

// Enrollment makes of a step of the settings one with which a login goes on that
// leads to a second factor. Triggers are the fields that select it besides its
// method; on says where it makes one.
func Enrollment(settings *Step, on func(*Setup) bool, triggers ...string) *Step {
	s := *settings
	enabled, accepts := settings.Enabled, settings.Accepts
	s.Kind, s.Needs, s.Triggers = Login, NeedFreshSession, triggers
	s.Enabled = func(set *Setup) bool { return enabled(set) && on(set) }
	s.Accepts = func(f *Flow) bool { return f.Enrolls() && (accepts == nil || accepts(f)) }
	return &s
}

// leadToEnrollment makes of a login that asks for a second factor one that sets it
// up, for whoever has to have one and has none. As in the settings, the sign-in has
// to be recent.
func leadToEnrollment(ctx context.Context, r *run) *Answer {
	if r.Session == nil || r.flow.RequestedAAL != session.AAL2 || r.Session.AAL == session.AAL2 || !r.policy.Asks() || r.Session.Held() {
		return nil
	}
	wants, err := r.wants(ctx)
	if err != nil {
		return r.forward(ctx, err)
	}
	i, err := r.store.Identity(ctx, r.Session.IdentityID)
	if err != nil {
		return r.forward(ctx, err)
	}
	if !r.policy.Wants(i, wants.Client, r.now) || r.availableAAL(i) == string(session.AAL2) {
		return nil
	}
	if !r.recent() {
		return r.signInAgain()
	}
	r.flow.Messages = slices.DeleteFunc(r.flow.Messages, func(m ui.Message) bool { return m.ID == ui.LoginSecondFactor })
	r.flow.Messages = append(r.flow.Messages, ui.New(ui.LoginSetUpSecondFactor))
	if err := r.flow.remember(enrollKey, enrollment{Identity: i.ID}); err != nil {
		return r.forward(ctx, err)
	}
	return nil
}

// requireEnroller keeps somebody else who has signed in meanwhile out of a login in
// which a second factor is set up.
func requireEnroller(ctx context.Context, r *run) *Answer {
	if !r.flow.Enrolls() || r.flow.enrolls(r.Session) && !r.Session.Held() {
		return nil
	}
	return r.forward(ctx, problem.Forbidden("The flow belongs to somebody else.").Named(problem.IdentityMismatch))
}

// signInAgain asks for a recent sign-in, after which the login goes on that wants it.
func (r *run) signInAgain() *Answer {
	query := r.stepUpQuery()
	query.Set("refresh", "true")
	to := r.Public("self-service/login/browser", query)
	if r.flow.Type == Browser && !r.JSON {
		return redirect(303, to)
	}
	return envelope(refreshNeeded(to))
}

// errEnrolled says that the account has got a second factor meanwhile: it is asked
// for, and nobody adds another one without it.
var errEnrolled = errors.New("the account has a second factor by now")

// concludeEnrollment ends a login with the second factor that was set up in it.
func (r *run) concludeEnrollment(ctx context.Context, step *Step, c Changed) *Answer {
	if c.Evidence == nil || c.Apply == nil {
		return r.reject(ctx, Deny(ui.New(r.kind.nobody)))
	}
	i, err := r.store.Identity(ctx, r.Session.IdentityID)
	if err != nil {
		return r.forward(ctx, err)
	}
	return r.concludeLogin(ctx, step, Proved{
		Identity: i, Method: *c.Evidence, Facts: c.Facts, Effects: c.Effects,
		Update: func(stored *identity.Identity) error {
			if r.availableAAL(stored) == string(session.AAL2) {
				return errEnrolled
			}
			if err := c.Apply(stored); err != nil {
				return err
			}
			if r.availableAAL(stored) != string(session.AAL2) {
				return problem.BadRequest("This does not make a second factor.")
			}
			return nil
		},
	})
}

// enrollNext leads somebody who has just signed up, and who needs a second factor at
// once, to where it is set up; nil for everybody else. An application is led there
// only when an OAuth2 server waits: otherwise it hears of it from whoami. A page that
// makes a detour to prove an address comes back later.
func (r *run) enrollNext(ctx context.Context, s *SignedUp, owed *session.Session, detour bool, token string) *Answer {
	waits := owed != nil && r.flow.Challenge != ""
	if !r.policy.Asks() || r.flow.Type != Browser || !r.JSON && detour || s.Session == nil && !waits || r.JSON && !waits {
		return nil
	}
	wants, err := r.wants(ctx)
	if err != nil {
		return r.forward(ctx, err)
	}
	if wants.Met(owed, s.Identity, r.availableAAL(s.Identity), r.now) {
		return nil
	}
	if s.Session == nil { // nobody is signed in yet
		return r.goElsewhere(r.Public("self-service/login/browser", r.stepUpQuery()))
	}
	a := r.goElsewhere(r.stepUp(r.stepUpQuery()))
	a.Cookie = r.giveCookie(s.Session, token)
	return a
}
