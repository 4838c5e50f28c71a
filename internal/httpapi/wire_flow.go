package httpapi

import (
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
)

// shows says which fields a kind of flow has (section 2.1 of the HTTP
// reference). Those that are not listed here all kinds have.
type shows struct {
	organization, challenge, created, login, schema, identity bool
}

var flowFields = map[flow.Kind]shows{
	flow.Login:        {organization: true, challenge: true, created: true, login: true, schema: true},
	flow.Registration: {organization: true, challenge: true, schema: true},
	flow.Settings:     {organization: true, identity: true},
	flow.Recovery:     {},
	flow.Verification: {},
}

func appendPage(b []byte, set *flow.Setup, p *flow.Page) []byte {
	f := p.Flow
	has := flowFields[f.Kind]
	o := open(b)
	o.id("id", f.ID)
	if has.organization {
		o.idOrNull("organization_id", f.Organization)
	}
	if has.challenge {
		o.optional("oauth2_login_challenge", f.Challenge)
		if len(p.LoginRequest) > 0 {
			o.raw("oauth2_login_request", p.LoginRequest)
		}
	}
	o.plain("type", string(f.Type))
	o.time("expires_at", f.ExpiresAt)
	o.time("issued_at", f.IssuedAt)
	o.text("request_url", f.RequestURL)
	o.optional("return_to", f.ReturnTo)
	o.optional("active", f.Active)
	o.key("ui")
	o.b = p.UI.AppendJSON(o.b)
	if has.created {
		o.time("created_at", f.CreatedAt)
		o.time("updated_at", f.UpdatedAt)
	}
	if has.login {
		o.flag("refresh", f.Refresh)
		o.plain("requested_aal", string(f.RequestedAAL))
	}
	if has.identity && p.Identity != nil {
		o.key("identity")
		o.b = appendIdentity(o.b, set, p.Identity, publicSession)
	}
	if p.Trial != nil {
		o.key("test_context")
		trial := open(o.b)
		trial.text("provider_id", p.Trial.Provider)
		if len(p.Trial.Report) > 0 {
			trial.raw("debug_payload", p.Trial.Report)
		}
		o.b = trial.close()
	}
	o.optional("session_token_exchange_code", p.ExchangeCode)
	o.plain("state", string(f.State))
	if p.Transient && len(f.Transient) > 0 {
		o.raw("transient_payload", f.Transient)
	}
	if has.schema {
		o.optional("identity_schema", f.SchemaID)
	}
	if len(p.ContinueWith) > 0 {
		appendContinue(&o, p.ContinueWith)
	}
	return o.close()
}

func appendSignedIn(b []byte, set *flow.Setup, now time.Time, s *flow.SignedIn) []byte {
	o := open(b)
	o.optional("session_token", s.Token)
	o.key("session")
	o.b = appendSession(o.b, set, s.Session, now, publicSession)
	if !s.Traded {
		appendContinue(&o, s.ContinueWith)
	}
	return o.close()
}

func appendSignedUp(b []byte, set *flow.Setup, now time.Time, s *flow.SignedUp) []byte {
	o := open(b)
	o.optional("session_token", s.Token)
	if s.Session != nil {
		o.key("session")
		o.b = appendSession(o.b, set, s.Session, now, publicSession)
	}
	o.key("identity")
	o.b = appendIdentity(o.b, set, s.Identity, publicSession)
	appendContinue(&o, s.ContinueWith)
	return o.close()
}

// appendContinue writes continue_with, null when there is nothing.
func appendContinue(o *object, all []flow.Continue) {
	if len(all) == 0 {
		o.null("continue_with")
		return
	}
	o.key("continue_with")
	o.b = append(o.b, '[')
	for i, c := range all {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		one := open(o.b)
		one.plain("action", c.Action)
		one.optional("redirect_browser_to", c.RedirectTo)
		one.optional("ory_session_token", c.Token)
		if c.Flow != uuid.Nil {
			one.key("flow")
			f := open(one.b)
			f.id("id", c.Flow)
			f.optional("verifiable_address", c.Address)
			f.optional("url", c.FlowURL)
			one.b = f.close()
		}
		o.b = one.close()
	}
	o.b = append(o.b, ']')
}
