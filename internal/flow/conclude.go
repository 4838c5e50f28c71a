package flow

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// concludeLogin ends a login: session, cookie, and where to go next.
func (r *run) concludeLogin(ctx context.Context, step *Step, proof Proved) *Answer {
	r.flow.Active, r.flow.Values = step.Method, nil
	if err := r.flow.remember(step.Method, proof.Facts); err != nil {
		return r.forward(ctx, err)
	}
	if proof.Identity.State != identity.Active {
		return r.reject(ctx, Deny(ui.New(ui.LoginIdentityDisabled)))
	}
	wants, err := r.wants(ctx)
	if err != nil {
		return r.unacceptable(ctx, err)
	}
	link := r.flow.Linking()
	if link != nil && link.Identity != proof.Identity.ID {
		return r.reject(ctx, Deny(ui.New(ui.LoginLinkMismatch)))
	}
	to, err := r.ReturnTo(r.flow.ReturnTo, r.defaultReturn(Login, step.Method))
	if err != nil {
		return r.unacceptable(ctx, err)
	}
	if a := r.comeIn(ctx, &proof, link); a != nil {
		return a
	}
	if a := r.weighProof(ctx, step, proof.Identity, &proof.Method, false); a != nil {
		return a
	}
	proved(proof.Identity, proof.Effects.Verified, r.now)
	s, token := r.signIn(proof.Identity, proof.Method, proof.Fresh)
	if err := r.inquire(&proof.Effects, proof.Identity, s); err != nil {
		return r.forward(ctx, err)
	}
	waits := link != nil && r.attach(link, &proof, s, wants)
	if !waits {
		r.enrol(&proof, link)
	}
	if a := r.loginHooks(ctx, step, proof, s); a != nil {
		return a
	}
	if proof.State != "" {
		r.flow.State = proof.State
	}
	hooks := r.after(Login, step.Method)
	var verification *begun
	if hooks.has(hookVerification) && r.flow.RequestedAAL != session.AAL2 {
		if verification, err = r.beginVerification(ctx, proof.Identity, nil); err != nil {
			return r.unacceptable(ctx, err)
		}
	}
	p, err := r.ready(ctx, r.flow, proof.Effects)
	if err != nil {
		return r.forward(ctx, err)
	}
	then, err := r.succeeds(ctx, nil, occasion{identity: proof.Identity, session: s})
	if err != nil {
		return r.forward(ctx, err)
	}
	err = r.conclude(ctx, then, occasion{identity: proof.Identity, session: s}, func(tx Tx) error {
		if err := r.writeLogin(tx, step, proof, s, token); err != nil {
			return err
		}
		if err := p.write(tx, r.now); err != nil {
			return err
		}
		if err := verification.write(tx, r); err != nil {
			return err
		}
		if err := r.handIn(tx, s); err != nil {
			return err
		}
		return tx.UpdateFlow(r.flow)
	})
	var taken *problem.ConflictError
	switch {
	case !errors.As(err, &taken):
	case link != nil:
		return r.reject(ctx, Deny(ui.New(ui.ValidationIdentifierTakenOnLink)))
	default: // what the sign-in wanted to change is somebody else's
		return r.reject(ctx, Deny(ui.New(ui.ValidationIdentifierTaken)))
	}
	if errors.Is(err, errEnrolled) {
		return r.askSecondFactor(r.stepUp(r.stepUpQuery()))
	}
	if errors.Is(err, session.ErrTooMany) {
		return r.reject(ctx, Deny(ui.New(ui.LoginTooManySessions)))
	}
	if err != nil {
		return r.forward(ctx, err)
	}
	if waits && r.flow.Type == Browser {
		cookie := r.giveCookie(s, token)
		a := r.linkLater(ctx, link, s)
		a.Cookie = cookie
		return a
	}
	return r.answerLogin(ctx, s, token, to, wants.Met(s, s.Identity, r.availableAAL(s.Identity), r.now), verification, hooks)
}

// proved shows in an identity what the transaction will write to its addresses.
func proved(i *identity.Identity, verified []identity.Address, now time.Time) {
	for n, a := range i.VerifiableAddresses {
		if slices.Contains(verified, identity.Address{Value: a.Value, Via: a.Via}) && !a.Verified {
			i.VerifiableAddresses[n].Verified, i.VerifiableAddresses[n].Status, i.VerifiableAddresses[n].VerifiedAt = true, identity.AddressCompleted, &now
		}
	}
}

// signIn makes the session that a proof leads to. A proof by the identity that
// is signed in already renews its session and keeps id and token; any other
// proof makes a new session with a token nobody has seen.
func (r *run) signIn(i *identity.Identity, m session.Method, fresh bool) (*session.Session, string) {
	m.CompletedAt = r.now
	if !fresh && r.Session != nil && r.Session.IdentityID == i.ID {
		renewed := *r.Session
		renewed.Identity = i
		renewed.Devices = append(slices.Clip(renewed.Devices), r.located()) // told, but not kept: it has no id
		renewed.Renew(m, r.now, r.lifespan(&renewed))
		if r.tied {
			renewed.ExpiresAt = r.Session.ExpiresAt
		}
		return &renewed, r.Token
	}
	device := r.located()
	device.ID = r.newID()
	transient := session.Session{Transient: r.transient()}
	s := session.New(r.newID(), i, m, device, r.now, r.lifespan(&transient))
	s.Transient, s.Source = transient.Transient, r.sourceOf()
	return s, session.NewToken(r.rand)
}

// renewed says whether signIn kept the session that was there.
func (r *run) renewed(s *session.Session) bool { return r.Session != nil && r.Session.ID == s.ID }

func (r *run) writeLogin(tx Tx, step *Step, proof Proved, s *session.Session, token string) error {
	i := proof.Identity
	if err := r.writeProved(tx, proof); err != nil {
		return err
	}
	if r.joins || r.after(Login, step.Method).has(hookRevoke) {
		if _, err := tx.RevokeSessionsOf(i.ID, s.ID, r.now); err != nil {
			return err
		}
	}
	if r.renewed(s) {
		return tx.UpdateSession(s)
	}
	if err := tx.MakeRoom(i.ID, r.Limits, r.now); err != nil {
		return err
	}
	return tx.CreateSession(s, session.HashToken(token))
}

// writeProved stores what the proof changes about the identity. It starts from the
// row as it is by now: what somebody else has changed since it was read stays so.
func (r *run) writeProved(tx Tx, proof Proved) error {
	if proof.Update == nil && proof.Credential == nil && r.availableAAL(proof.Identity) == proof.Identity.AvailableAAL {
		return nil
	}
	i, err := tx.Identity(proof.Identity.ID)
	if err != nil {
		return err
	}
	if c := proof.Credential; c != nil && bytes.Equal(i.Credentials[c.Type].Config, proof.Identity.Credentials[c.Type].Config) {
		i.Credentials[c.Type] = *c
	}
	if proof.Update != nil {
		if err := proof.Update(i); err != nil {
			return err
		}
	}
	i.AvailableAAL = r.availableAAL(i)
	return tx.UpdateIdentity(i)
}

// answerLogin tells the client that it is signed in, or that a second factor is
// still wanted.
func (r *run) answerLogin(ctx context.Context, s *session.Session, token, to string, enough bool, b *begun, hooks hookNames) *Answer {
	if r.handed != nil {
		return r.toApp(ctx, false)
	}
	if r.flow.Type == API {
		if !enough { // the token works, but shows nothing of the identity yet
			bare := *s
			bare.Identity = nil
			s = &bare
		}
		in := &SignedIn{Session: s, Token: token}
		in.ContinueWith = r.announced(b, hooks)
		return &Answer{Status: 200, Body: in}
	}
	cookie := r.giveCookie(s, token)
	var a *Answer
	switch {
	case !enough:
		a = r.goElsewhere(r.stepUp(r.stepUpQuery()))
	case r.flow.Challenge != "":
		a = r.acceptLogin(ctx, s)
	case r.JSON:
		in := &SignedIn{Session: s, ContinueWith: []Continue{{Action: RedirectBrowserTo, RedirectTo: to}}}
		in.ContinueWith = append(in.ContinueWith, r.announced(b, hooks)...)
		a = &Answer{Status: 200, Body: in}
	case detours(b, hooks):
		a = redirect(303, b.url)
	default:
		a = redirect(303, to)
	}
	a.Cookie = cookie
	return a
}

// giveCookie puts a session into the browser. Whoever was somebody else, or
// nobody, before gets a new anti-CSRF token with it.
func (r *run) giveCookie(s *session.Session, token string) *Cookie {
	lifted := r.Session != nil && r.Session.Held() && !s.Held() // the browser is known from now on
	if r.Session == nil || r.Session.IdentityID != s.IdentityID || lifted {
		r.CSRF.Rotate(r.rand)
	}
	return r.Cookie(s, token)
}

// concludeRegistration ends a registration: a new identity, and with the
// session hook somebody who is signed in. The flow goes on showing as active what
// it showed before: it is over.
func (r *run) concludeRegistration(ctx context.Context, step *Step, result NewIdentity) *Answer {
	if a := r.comeAnew(ctx, result); a != nil {
		return a
	}
	if a := r.weighProof(ctx, step, result.Identity, &result.Method, true); a != nil {
		return a
	}
	if a := r.registrationHooks(ctx, step, result); a != nil {
		return a
	}
	if r.discreet(step, result.Identity) {
		return r.concludeDiscreetly(ctx, step, result)
	}
	unchanged := *r.CSRF
	if err := r.flow.remember(step.Method, result.Facts); err != nil {
		return r.forward(ctx, err)
	}
	if result.State != "" {
		r.flow.State = result.State
	}
	i := result.Identity
	r.knows(i)
	hooks := r.after(Registration, step.Method)
	to, err := r.ReturnTo(r.flow.ReturnTo, r.defaultReturn(Registration, step.Method))
	if err != nil {
		return r.unacceptable(ctx, err)
	}
	i.AvailableAAL = r.availableAAL(i)
	if i.State != identity.Active {
		return r.signUpInactive(ctx, i)
	}
	signedUp := &SignedUp{Identity: i}
	var token string
	if hooks.has(hookSession) {
		signedUp.Session, token = r.signIn(i, result.Method, false)
	}
	owed := r.owed(signedUp, result)
	verification, err := r.beginVerification(ctx, i, owed)
	if err != nil {
		return r.unacceptable(ctx, err)
	}
	typed := r.flow.Values
	r.flow.Values = nil
	then, err := r.succeeds(ctx, r.afterHooks(Registration, step.Method), occasion{identity: i, session: signedUp.Session})
	if err != nil {
		return r.forward(ctx, err)
	}
	err = r.conclude(ctx, then, occasion{identity: i, session: signedUp.Session}, func(tx Tx) error {
		if err := verification.write(tx, r); err != nil {
			return err
		}
		if err := tx.UpdateFlow(r.flow); err != nil {
			return err
		}
		if err := tx.CreateIdentity(i); err != nil {
			return err
		}
		if signedUp.Session != nil {
			if err := tx.CreateSession(signedUp.Session, session.HashToken(token)); err != nil {
				return err
			}
		} else if owed != nil {
			if err := tx.CreateSession(owed, nil); err != nil {
				return err
			}
		} else if err := r.noteSignUp(tx, i); err != nil {
			return err
		}
		return r.handIn(tx, signedUp.Session)
	})
	var taken *problem.ConflictError
	if errors.As(err, &taken) {
		*r.CSRF, r.flow.Values = unchanged, typed // what follows a success does not happen
		return r.rejectTaken(ctx, taken)
	}
	if err != nil {
		return r.forward(ctx, err)
	}
	if a := r.ask(ctx, r.afterHooks(Registration, step.Method), reports, occasion{identity: i}, nil); a != nil {
		return a
	}
	if r.handed != nil {
		return r.toApp(ctx, false)
	}
	if a := r.enrollNext(ctx, signedUp, owed, detours(verification, hooks), token); a != nil {
		return a
	}
	return r.endRegistration(ctx, signedUp, owed, func(accepted string) *Answer {
		return r.answerRegistration(signedUp, token, cmp.Or(accepted, to), verification, hooks)
	}, detours(verification, hooks), token)
}

// rejectTaken says that an identifier belongs to somebody already, and with
// login hints how that somebody signs in.
func (r *run) rejectTaken(ctx context.Context, taken *problem.ConflictError) *Answer {
	if !r.SelfService.Flows.ByKind(string(Registration)).LoginHints {
		return r.reject(ctx, Deny(ui.New(ui.ValidationIdentifierTaken)))
	}
	owner, err := r.store.IdentityByIdentifier(ctx, identity.CredentialType(taken.Type), taken.Value)
	if err != nil && !errors.Is(err, problem.ErrNotFound) {
		return r.forward(ctx, err)
	}
	types, providers := identity.SignInHints(owner)
	return r.reject(ctx, Deny(ui.New(ui.ValidationIdentifierTakenHints,
		"available_credential_types", types,
		"available_oidc_providers", providers,
		"credential_identifier_hint", taken.Value)))
}

func (r *run) answerRegistration(s *SignedUp, token, to string, b *begun, hooks hookNames) *Answer {
	if r.flow.Type == API {
		s.ContinueWith = append(s.ContinueWith, r.announced(b, hooks)...)
		if s.Session != nil {
			s.Token = token
			s.ContinueWith = append(s.ContinueWith, Continue{Action: SetSessionToken, Token: token})
		}
		return &Answer{Status: 200, Body: s}
	}
	var a *Answer
	switch {
	case r.JSON:
		s.ContinueWith = append(s.ContinueWith, Continue{Action: RedirectBrowserTo, RedirectTo: to})
		s.ContinueWith = append(s.ContinueWith, r.announced(b, hooks)...)
		a = &Answer{Status: 200, Body: s}
	case detours(b, hooks):
		a = redirect(303, b.url)
	default:
		a = redirect(303, to)
	}
	if s.Session != nil {
		a.Cookie = r.giveCookie(s.Session, token)
	}
	return a
}

// newExchange starts a session token exchange and returns the half of it that
// the app is shown now. The other half is made when the browser comes back.
func (r *run) newExchange(ctx context.Context) (string, error) {
	code := session.NewExchangeCode(r.rand)
	if err := r.flow.remember(exchangeKey, true); err != nil {
		return "", err
	}
	return code, r.store.CreateExchange(ctx, r.flow.ID, session.HashToken(code), r.flow.ExpiresAt)
}
