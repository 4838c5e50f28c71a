package httpapi

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/google/uuid"

	"cardea/internal/audit"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// What people may do with their account beside the journeys: look at their sessions
// and end them, take their data along, leave. The built-in pages ask through the
// exported methods of this file, everybody else over HTTP, and the rules are the same.

// ownSessions is how many sessions a person is shown.
const ownSessions = 100

// own finds the session of whoever asks. Errors are those of settings: 401 for
// nobody, 403 for a level that is too low.
func (s *Server) own(r *http.Request) (*compiled, *session.Session, error) {
	return s.ownFrom(r, s.caller)
}

// ownFrom is own with a way to find who asks: known will do for those who only look.
func (s *Server) ownFrom(r *http.Request, find func(context.Context, *http.Request, *compiled) (caller, error)) (*compiled, *session.Session, error) {
	set := s.compiled.Load()
	c, err := find(r.Context(), r, set)
	if err != nil {
		return nil, nil, err
	}
	if c.session == nil {
		return nil, nil, nobodyToSignOut()
	}
	return set, c.session, s.checkOwnAccount(r.Context(), set, c.session)
}

// OwnSessions are the active sessions of whoever asks, that of the request first.
func (s *Server) OwnSessions(r *http.Request) ([]*session.Session, error) {
	_, own, err := s.ownFrom(r, s.known)
	if err != nil {
		return nil, err
	}
	others, err := s.Sessions.Others(r.Context(), own.IdentityID, own.ID, 0, ownSessions)
	if err != nil {
		return nil, err
	}
	return append([]*session.Session{own}, others...), nil
}

// EndSession ends another session of whoever asks; uuid.Nil ends all others.
func (s *Server) EndSession(r *http.Request, id uuid.UUID) error {
	_, own, err := s.own(r)
	if err != nil {
		return err
	}
	if id == uuid.Nil {
		_, err = s.Sessions.RevokeOthers(r.Context(), own.IdentityID, own.ID)
		return err
	}
	if id == own.ID {
		return problem.BadRequest("The current session cannot be revoked here. Sign out instead.")
	}
	if err := s.Sessions.RevokeOf(r.Context(), own.IdentityID, id); err != problem.ErrNotFound {
		return err
	}
	return nil
}

// FormToken is the anti-CSRF token for a form that no flow made.
func (s *Server) FormToken(r *http.Request) string {
	return csrfOf(r, s.compiled.Load()).Masked(s.rand)
}

// Export is what is kept about whoever asks, without secrets.
func (s *Server) Export(r *http.Request) ([]byte, error) {
	set, own, err := s.own(r)
	if err != nil {
		return nil, err
	}
	if !set.Cardea.Account.AllowExport {
		return nil, problem.NotFound("Downloading one's data is turned off here.")
	}
	person, err := s.Identities.Identity(r.Context(), own.IdentityID)
	if err != nil {
		return nil, err
	}
	sessions, err := s.OwnSessions(r)
	if err != nil {
		return nil, err
	}
	if err := s.exported(r, audit.Entry{Action: audit.AccountExported, Identity: own.IdentityID, Session: own.ID}); err != nil {
		return nil, err
	}
	now := s.clock.Now()
	o := open(nil)
	o.time("exported_at", now)
	o.key("identity")
	o.b = appendIdentity(o.b, set.Setup, person, publicSession)
	o.key("credentials")
	o.b = appendCredentialTypes(o.b, person)
	o.key("sessions")
	o.b = append(o.b, appendSessions(set.Setup, sessions, now, listedSession)...)
	return o.close(), nil
}

// appendCredentialTypes lists the ways to sign in without what is secret of them.
func appendCredentialTypes(b []byte, i *identity.Identity) []byte {
	b = append(b, '[')
	for n, typ := range slices.Sorted(maps.Keys(i.Credentials)) {
		if n > 0 {
			b = append(b, ',')
		}
		c := i.Credentials[typ]
		o := open(b)
		o.text("type", string(c.Type))
		o.key("identifiers")
		o.b = append(o.b, '[')
		for k, name := range c.Identifiers {
			if k > 0 {
				o.b = append(o.b, ',')
			}
			o.b = appendText(o.b, name)
		}
		o.b = append(o.b, ']')
		o.time("created_at", c.CreatedAt)
		o.time("updated_at", c.UpdatedAt)
		b = o.close()
	}
	return append(b, ']')
}

// MayDelete says whether whoever asks may delete their account now: the operator
// allows it, and the sign-in is recent enough for what cannot be undone.
func (s *Server) MayDelete(r *http.Request) error {
	set, own, err := s.own(r)
	if err != nil {
		return err
	}
	if !set.Cardea.Account.AllowDeletion {
		return problem.NotFound("Deleting one's account is turned off here.")
	}
	age := set.SelfService.Flows.Settings.PrivilegedSessionMaxAge
	if age > 0 && own.AuthenticatedAt.Add(age).Before(s.clock.Now()) {
		return refreshNeeded(set)
	}
	return nil
}

func refreshNeeded(set *compiled) *problem.Error {
	to := set.Public("self-service/login/browser", url.Values{"refresh": {"true"}})
	return problem.Forbidden("The sign-in is too long ago for this. Sign in again first.").
		Named(problem.SessionRefreshRequired).Beside("redirect_browser_to", to)
}

// Delete deletes the account of whoever asks, with everything that hangs on it, and
// takes the session out of the browser.
func (s *Server) Delete(w http.ResponseWriter, r *http.Request) error {
	if err := s.MayDelete(r); err != nil {
		return err
	}
	set, own, err := s.own(r)
	if err != nil {
		return err
	}
	if err := s.Identities.DeleteIdentity(r.Context(), own.IdentityID, nil); err != nil {
		return err
	}
	s.clearSession(w, set)
	return nil
}

// exportOwnAccount serves GET /self-service/account.
func (s *Server) exportOwnAccount(w http.ResponseWriter, r *http.Request) {
	data, err := s.Export(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeRaw(w, 200, data)
}

// deleteOwnAccount serves DELETE /self-service/account. Other sites cannot send it:
// browsers ask before, and only the configured origins are told yes.
func (s *Server) deleteOwnAccount(w http.ResponseWriter, r *http.Request) {
	if err := s.Delete(w, r); err != nil {
		s.fail(w, r, err)
		return
	}
	writeNothing(w)
}
