package systemtest

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	ory "github.com/ory/client-go"
)

// sdk is the official client for one of the ports.
func sdk(address string) *ory.APIClient {
	c := ory.NewConfiguration()
	c.Servers = ory.ServerConfigurations{{URL: address}}
	c.HTTPClient = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{}}
	return ory.NewAPIClient(c)
}

// official is the official client in the hands of one test.
type official struct {
	t        *testing.T
	server   *server
	frontend ory.FrontendAPI
	identity ory.IdentityAPI
}

func newOfficial(t *testing.T, s *server) official {
	return official{t, s, sdk(s.PublicURL).FrontendAPI, sdk(s.AdminURL).IdentityAPI}
}

// ok ends the test when a call failed or did not answer with the status.
func (o official) ok(what string, want int, res *http.Response, err error) {
	o.t.Helper()
	if err != nil {
		detail := ""
		if e, ok := errors.AsType[*ory.GenericOpenAPIError](err); ok {
			detail = string(e.Body())
		}
		o.t.Fatalf("%s: %v %s", what, err, detail)
	}
	if res.StatusCode != want {
		o.t.Fatalf("%s: answered %d, want %d", what, res.StatusCode, want)
	}
}

// refused wants a call to fail with a status and its body to decode into the
// type that the client has for it.
func refused[Model any](o official, what string, want int, res *http.Response, err error) Model {
	o.t.Helper()
	var none Model
	e, ok := errors.AsType[*ory.GenericOpenAPIError](err)
	if !ok || res == nil {
		o.t.Fatalf("%s: %v, want an answer of %d", what, err, want)
		return none
	}
	if res.StatusCode != want {
		o.t.Fatalf("%s: answered %d %s, want %d", what, res.StatusCode, e.Body(), want)
	}
	model, ok := e.Model().(Model)
	if !ok {
		o.t.Fatalf("%s: the body was decoded into %T (%v), want %T: %s", what, e.Model(), e, none, e.Body())
	}
	return model
}

func (o official) signUp(email string) *ory.SuccessfulNativeRegistration {
	o.t.Helper()
	ctx := context.Background()
	flow, res, err := o.frontend.CreateNativeRegistrationFlow(ctx).Execute()
	o.ok("create a registration flow", 200, res, err)
	body := ory.NewUpdateRegistrationFlowWithPasswordMethod("password", password, map[string]any{"email": email})
	done, res, err := o.frontend.UpdateRegistrationFlow(ctx).Flow(flow.Id).
		UpdateRegistrationFlowBody(ory.UpdateRegistrationFlowWithPasswordMethodAsUpdateRegistrationFlowBody(body)).Execute()
	o.ok("submit the registration", 200, res, err)
	if done.SessionToken == nil || done.Session == nil || done.Identity == nil {
		o.t.Fatalf("the registration gave %+v, want a session, its token and the identity", done)
	}
	return done
}

func (o official) login(email, password string) (*ory.SuccessfulNativeLogin, *http.Response, error) {
	o.t.Helper()
	ctx := context.Background()
	flow, res, err := o.frontend.CreateNativeLoginFlow(ctx).Execute()
	o.ok("create a login flow", 200, res, err)
	body := ory.NewUpdateLoginFlowWithPasswordMethod(email, "password", password)
	return o.frontend.UpdateLoginFlow(ctx).Flow(flow.Id).
		UpdateLoginFlowBody(ory.UpdateLoginFlowWithPasswordMethodAsUpdateLoginFlowBody(body)).Execute()
}

func (o official) signIn(email string) *ory.SuccessfulNativeLogin {
	o.t.Helper()
	done, res, err := o.login(email, password)
	o.ok("submit the login", 200, res, err)
	if done.SessionToken == nil {
		o.t.Fatalf("the login gave %+v, want a session token", done)
	}
	return done
}

func TestTheOfficialGoClientMakesTheJourneyOfANativeApp(t *testing.T) {
	t.Parallel()
	o := newOfficial(t, start(t, options{}))
	ctx := context.Background()
	const email = "ann@cardea.test"

	_, res, err := o.frontend.ToSession(ctx).XSessionToken("").Execute()
	refused[ory.ErrorGeneric](o, "ask who is calling before anything", 401, res, err)

	ann := o.signUp(email)
	token := *ann.SessionToken
	me, res, err := o.frontend.ToSession(ctx).XSessionToken(token).Execute()
	o.ok("ask who is calling", 200, res, err)
	if me.Id != ann.Session.Id || me.Identity == nil || me.Identity.Id != ann.Identity.Id {
		t.Fatalf("the session is %+v, want the one of the registration", me)
	}
	if me.GetAuthenticatorAssuranceLevel() != ory.AUTHENTICATORASSURANCELEVEL_AAL1 || !me.GetActive() || !me.GetExpiresAt().After(time.Now()) {
		t.Errorf("the session is %+v, want an active one of level aal1", me)
	}

	phone, tablet := o.signIn(email), o.signIn(email)
	others, res, err := o.frontend.ListMySessions(ctx).XSessionToken(token).Execute()
	o.ok("list the other sessions", 200, res, err)
	if len(others) != 2 {
		t.Errorf("there are %d other sessions, want 2", len(others))
	}
	res, err = o.frontend.DisableMySession(ctx, phone.Session.Id).XSessionToken(token).Execute()
	o.ok("end one of them", 204, res, err)
	_, res, err = o.frontend.ToSession(ctx).XSessionToken(*phone.SessionToken).Execute()
	refused[ory.ErrorGeneric](o, "ask with the ended session", 401, res, err)
	count, res, err := o.frontend.DisableMyOtherSessions(ctx).XSessionToken(token).Execute()
	o.ok("end the rest", 200, res, err)
	if count.GetCount() != 2 { // those that were over already count as well
		t.Errorf("%d sessions were ended, want 2", count.GetCount())
	}
	_, res, err = o.frontend.ToSession(ctx).XSessionToken(*tablet.SessionToken).Execute()
	refused[ory.ErrorGeneric](o, "ask with the other ended session", 401, res, err)

	res, err = o.frontend.PerformNativeLogout(ctx).PerformNativeLogoutBody(*ory.NewPerformNativeLogoutBody(token)).Execute()
	o.ok("sign out", 204, res, err)
	_, res, err = o.frontend.ToSession(ctx).XSessionToken(token).Execute()
	refused[ory.ErrorGeneric](o, "ask after signing out", 401, res, err)
	if again := o.signIn(email); again.Session.Id == me.Id {
		t.Error("signing in gave the session that was signed out")
	}
}

func TestTheOfficialGoClientUnderstandsErrors(t *testing.T) {
	t.Parallel()
	o := newOfficial(t, start(t, options{}))
	ctx := context.Background()
	const email = "ann@cardea.test"
	ann := o.signUp(email)

	_, res, err := o.login(email, "not-the-password-at-all")
	flow := refused[ory.LoginFlow](o, "sign in with a wrong password", 400, res, err)
	if len(flow.Ui.Messages) != 1 || flow.Ui.Messages[0].Id != 4000006 {
		t.Errorf("the form says %+v, want message 4000006", flow.Ui.Messages)
	}

	// The operation has no parameter for a token; applications set the header.
	signedIn := sdk(o.server.PublicURL)
	signedIn.GetConfig().AddDefaultHeader("X-Session-Token", *ann.SessionToken)
	_, res, err = signedIn.FrontendAPI.CreateNativeLoginFlow(ctx).Execute()
	already := refused[ory.ErrorGeneric](o, "begin to sign in twice", 400, res, err)
	if id := already.Error.GetId(); id != "session_already_available" {
		t.Errorf("the error's id is %q, want session_already_available", id)
	}

	_, res, err = o.frontend.GetLoginFlow(ctx).Id("5f9c0c6e-1111-4f7d-9d7a-000000000000").Execute()
	refused[ory.ErrorGeneric](o, "fetch a flow that is not there", 404, res, err)

	taken, res, err := o.frontend.CreateNativeRegistrationFlow(ctx).Execute()
	o.ok("create a registration flow", 200, res, err)
	body := ory.NewUpdateRegistrationFlowWithPasswordMethod("password", password, map[string]any{"email": email})
	_, res, err = o.frontend.UpdateRegistrationFlow(ctx).Flow(taken.Id).
		UpdateRegistrationFlowBody(ory.UpdateRegistrationFlowWithPasswordMethodAsUpdateRegistrationFlowBody(body)).Execute()
	again := refused[ory.RegistrationFlow](o, "sign up with a taken address", 400, res, err)
	if len(again.Ui.Messages) != 1 || again.Ui.Messages[0].Id != 4000007 {
		t.Errorf("the form says %+v, want message 4000007", again.Ui.Messages)
	}

	_, res, err = o.identity.GetIdentity(ctx, "5f9c0c6e-1111-4f7d-9d7a-000000000000").Execute()
	refused[ory.ErrorGeneric](o, "get an identity that is not there", 404, res, err)
	_, res, err = o.identity.CreateIdentity(ctx).CreateIdentityBody(*ory.NewCreateIdentityBody("default", map[string]any{"email": email})).Execute()
	refused[ory.ErrorGeneric](o, "create an identity with a taken address", 409, res, err)
	_, res, err = o.identity.CreateIdentity(ctx).CreateIdentityBody(*ory.NewCreateIdentityBody("default", map[string]any{"email": 7})).Execute()
	refused[ory.ErrorGeneric](o, "create an identity with traits that do not fit", 400, res, err)
}

func TestTheOfficialGoClientManagesIdentities(t *testing.T) {
	t.Parallel()
	o := newOfficial(t, start(t, options{}))
	ctx := context.Background()
	const email = "bob@cardea.test"

	secret := password
	body := ory.NewCreateIdentityBody("default", map[string]any{"email": email})
	body.SetCredentials(ory.IdentityWithCredentials{Password: &ory.IdentityWithCredentialsPassword{
		Config: &ory.IdentityWithCredentialsPasswordConfig{Password: &secret},
	}})
	body.SetMetadataPublic(map[string]any{"plan": "gold"})
	bob, res, err := o.identity.CreateIdentity(ctx).CreateIdentityBody(*body).Execute()
	o.ok("create an identity", 201, res, err)
	signedIn := o.signIn(email)

	got, res, err := o.identity.GetIdentity(ctx, bob.Id).Execute()
	o.ok("get the identity", 200, res, err)
	if traits, _ := got.Traits.(map[string]any); traits["email"] != email || got.GetState() != "active" {
		t.Errorf("the identity is %+v, want an active %s", got, email)
	}
	page, res, err := o.identity.ListIdentities(ctx).CredentialsIdentifier(email).Execute()
	o.ok("list identities", 200, res, err)
	if len(page) != 1 || page[0].Id != bob.Id {
		t.Errorf("the list is %+v, want this identity alone", page)
	}

	rename := ory.NewJsonPatch("add", "/traits/name")
	rename.SetValue("Bob")
	deactivate := ory.NewJsonPatch("replace", "/state")
	deactivate.SetValue("inactive")
	patched, res, err := o.identity.PatchIdentity(ctx, bob.Id).JsonPatch([]ory.JsonPatch{*rename, *deactivate}).Execute()
	o.ok("patch the identity", 200, res, err)
	if traits, _ := patched.Traits.(map[string]any); traits["name"] != "Bob" || patched.GetState() != "inactive" {
		t.Errorf("the patched identity is %+v, want an inactive one called Bob", patched)
	}
	_, res, err = o.frontend.ToSession(ctx).XSessionToken(*signedIn.SessionToken).Execute()
	refused[ory.ErrorGeneric](o, "ask with the session of an inactive identity", 401, res, err)

	res, err = o.identity.DeleteIdentity(ctx, bob.Id).Execute()
	o.ok("delete the identity", 204, res, err)
	_, res, err = o.identity.GetIdentity(ctx, bob.Id).Execute()
	refused[ory.ErrorGeneric](o, "get the deleted identity", 404, res, err)
	_, res, err = o.login(email, password)
	refused[ory.LoginFlow](o, "sign in as the deleted identity", 400, res, err)
}
