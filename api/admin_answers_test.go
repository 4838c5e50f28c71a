package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// admin walks through the operations of the admin port.
type admin struct {
	*testing.T
	d      *described
	server *cardeatest.Server
	client *cardeatest.Client
}

func operator(t *testing.T, d *described) admin {
	s := cardeatest.New(t, cardeatest.Options{Config: `selfservice: {methods: {link: {enabled: true}}}`})
	return admin{t, d, s, s.Client(cardeatest.Native)}
}

// do asks and checks the answer.
func (a admin) do(operation, method, path string, body any, status int) *cardeatest.Answer {
	a.Helper()
	return a.d.check(a.T, operation, a.client.Do(method, a.server.AdminURL+"/admin"+path, body), status)
}

// somebody is the body of a new identity with everything that one can have.
func somebody(email, external string) fields {
	return fields{
		"schema_id": "default", "external_id": external, "state": "active", "region": "eu", "organization_id": nobody,
		"traits":          fields{"email": email},
		"metadata_public": fields{"colour": "red"}, "metadata_admin": []int{1},
		"verifiable_addresses": []fields{{"value": email, "via": "email", "verified": true, "status": "completed"}},
		"credentials": fields{
			"password":      fields{"config": fields{"password": cardeatest.Password}},
			"oidc":          fields{"config": fields{"providers": []fields{{"provider": "p", "subject": external}}}},
			"totp":          fields{"config": fields{"totp_url": "otpauth://totp/Cardea:ann?secret=JBSWY3DPEHPK3PXP"}},
			"lookup_secret": fields{"config": fields{"codes": []fields{{"code": "a-code"}}}},
			"passkey": fields{"config": fields{
				"user_handle": "aGFuZGxl", "credentials": []fields{{"id": "a2V5", "public_key": "a2V5", "display_name": "key"}},
			}},
		},
	}
}

func (a admin) identities() {
	a.Helper()
	id := a.do("createIdentity", "POST", "/identities", somebody("ann@cardea.test", "ann"), 201).Text("id")
	a.do("createIdentity", "POST", "/identities", somebody("ann@cardea.test", "other"), 409)
	a.do("createIdentity", "POST", "/identities", fields{"traits": fields{"email": "nope"}}, 400)
	a.do("createIdentity", "POST", "/identities", fields{"surprise": 1}, 400)

	everything := "?include_credential=password&include_credential=oidc&include_credential=totp&include_credential=passkey&include_credential=lookup_secret"
	a.do("listIdentities", "GET", "/identities"+everything, nil, 200)
	a.do("listIdentities", "GET", "/identities?page=0&per_page=1", nil, 200)
	a.do("listIdentities", "GET", "/identities?credentials_identifier=ann@cardea.test", nil, 200)
	a.do("listIdentities", "GET", "/identities?ids=nope", nil, 400)
	a.do("getIdentity", "GET", "/identities/"+id+everything, nil, 200)
	a.do("getIdentity", "GET", "/identities/"+id+"?include_credential=none", nil, 400)
	a.do("getIdentity", "GET", "/identities/"+nobody, nil, 404)
	a.do("getIdentityByExternalID", "GET", "/identities/by/external/ann", nil, 200)
	a.do("getIdentityByExternalID", "GET", "/identities/by/external/none", nil, 404)

	a.do("batchPatchIdentities", "PATCH", "/identities", fields{"identities": []fields{
		{"patch_id": nobody, "create": fields{"traits": fields{"email": "bob@cardea.test"}}},
		{"patch_id": nobody, "create": fields{"traits": fields{"email": "ann@cardea.test"}}},
		{"create": fields{"traits": fields{"email": "nope"}}},
		{},
	}}, 200)
	a.do("batchPatchIdentities", "PATCH", "/identities", fields{"surprise": 1}, 400)

	a.do("updateIdentity", "PUT", "/identities/"+id, fields{
		"schema_id": "default", "state": "inactive", "traits": fields{"email": "ann@cardea.test"}, "external_id": "new",
	}, 200)
	a.do("updateIdentity", "PUT", "/identities/"+id, fields{"traits": fields{"email": "bob@cardea.test"}}, 409)
	a.do("updateIdentity", "PUT", "/identities/"+nobody, fields{"traits": fields{"email": "ann@cardea.test"}}, 404)
	a.do("patchIdentity", "PATCH", "/identities/"+id, []fields{{"op": "replace", "path": "/metadata_admin", "value": 1}}, 200)
	a.do("patchIdentity", "PATCH", "/identities/"+id, []fields{{"op": "remove", "path": "/id"}}, 400)

	a.do("listIdentities", "GET", "/identities?count=true&state=inactive&verified=false&created_after=2020-01-01T00:00:00Z", nil, 200)
	a.do("listIdentities", "GET", "/identities?trait[none]=x", nil, 400)
	a.do("getIdentity", "GET", "/identities/"+id+"?etag=true", nil, 200)
	a.do("exportIdentities", "GET", "/identities:export?credentials=true", nil, 200)
	a.do("exportIdentities", "GET", "/identities:export?state=asleep", nil, 400)
	a.do("importIdentities", "POST", "/identities:import?dry_run=true", fields{"traits": fields{"email": "carl@cardea.test"}}, 200)
	a.do("importIdentities", "POST", "/identities:import", fields{"traits": fields{"email": "ann@cardea.test"}}, 200)
	a.do("importIdentities", "POST", "/identities:import?report=none", nil, 400)

	a.do("unlockIdentity", "POST", "/identities/"+id+"/unlock", nil, 204)
	a.do("unlockIdentity", "POST", "/identities/"+nobody+"/unlock", nil, 404)
	a.do("deleteIdentityCredentials", "DELETE", "/identities/"+id+"/credentials/totp", nil, 204)
	a.do("deleteIdentityCredentials", "DELETE", "/identities/"+id+"/credentials/totp", nil, 404)
	a.do("deleteIdentityCredentials", "DELETE", "/identities/"+id+"/credentials/oidc", nil, 400)
	a.do("deleteIdentity", "DELETE", "/identities/"+id, nil, 204)
	a.do("deleteIdentity", "DELETE", "/identities/"+id, nil, 404)
}

func (a admin) recoveries() {
	a.Helper()
	id := a.server.CreateIdentity("ann@cardea.test", cardeatest.Password)
	a.do("createRecoveryCodeForIdentity", "POST", "/recovery/code", fields{"identity_id": id, "expires_in": "5m", "flow_type": "api"}, 201)
	a.do("createRecoveryCodeForIdentity", "POST", "/recovery/code", fields{"identity_id": nobody}, 404)
	a.do("createRecoveryCodeForIdentity", "POST", "/recovery/code", fields{"identity_id": id, "expires_in": "soon"}, 400)
	a.do("createRecoveryLinkForIdentity", "POST", "/recovery/link", fields{"identity_id": id}, 200)
	a.do("createRecoveryLinkForIdentity", "POST", "/recovery/link", fields{"identity_id": nobody}, 400)
}

func (a admin) sessions() {
	a.Helper()
	id := a.server.CreateIdentity("ann@cardea.test", cardeatest.Password)
	person := a.server.Client(cardeatest.Native)
	person.SignIn("ann@cardea.test", cardeatest.Password)
	session := person.WhoAmI().Text("id")

	a.do("listSessions", "GET", "/sessions", nil, 200)
	a.do("listSessions", "GET", "/sessions?active=true&expand=identity&expand=devices", nil, 200)
	a.do("listSessions", "GET", "/sessions?expand=everything", nil, 400)
	a.do("getSession", "GET", "/sessions/"+session, nil, 200)
	a.do("getSession", "GET", "/sessions/"+session+"?expand=identity&expand=devices", nil, 200)
	a.do("getSession", "GET", "/sessions/"+nobody, nil, 404)
	a.do("extendSession", "PATCH", "/sessions/"+session+"/extend", nil, 200)
	a.do("extendSession", "PATCH", "/sessions/"+nobody+"/extend", nil, 404)
	a.do("listIdentitySessions", "GET", "/identities/"+id+"/sessions", nil, 200)
	a.do("listIdentitySessions", "GET", "/identities/nope/sessions", nil, 400)
	a.do("disableSession", "DELETE", "/sessions/"+session, nil, 204)
	a.do("disableSession", "DELETE", "/sessions/"+nobody, nil, 404)
	a.do("manageSessions", "POST", "/sessions", fields{"action": "disable", "identities": []string{"*"}}, 200)
	a.do("manageSessions", "POST", "/sessions", fields{"action": "none"}, 400)
	a.do("listRevokedSessions", "GET", "/sessions:revoked", nil, 200)
	a.do("listRevokedSessions", "GET", "/sessions:revoked?cursor=x", nil, 400)
	a.do("deleteIdentitySessions", "DELETE", "/identities/"+id+"/sessions", nil, 204)
	a.do("deleteIdentitySessions", "DELETE", "/identities/"+id+"/sessions", nil, 404)
}

// messages reads the mail that a sign-up left in the outbox: nothing sends it here.
func (a admin) messages() {
	a.Helper()
	a.server.Client(cardeatest.Native).SignUp("ann@cardea.test", cardeatest.Password)
	var list []struct{ ID string }
	raw := a.do("listCourierMessages", "GET", "/courier/messages?status=queued&recipient=ann@cardea.test", nil, 200).Body
	if err := json.Unmarshal(raw, &list); err != nil || len(list) == 0 {
		a.Fatalf("no message waits: %s (%v)", raw, err)
	}
	id := list[0].ID
	a.do("listCourierMessages", "GET", "/courier/messages?status=lost", nil, 400)
	a.do("getCourierMessage", "GET", "/courier/messages/"+id, nil, 200)
	a.do("getCourierMessage", "GET", "/courier/messages/"+nobody, nil, 404)
	a.do("resendCourierMessage", "POST", "/courier/messages/"+id+"/resend", nil, 409)
	a.do("resendCourierMessage", "POST", "/courier/messages/"+nobody+"/resend", nil, 404)
	a.do("addSuppressions", "POST", "/courier/suppressions", map[string]any{"suppressions": []any{
		map[string]any{"address": "bob@cardea.test", "reason": "bounce", "note": "full", "expires_at": "2199-01-01T00:00:00Z"}, map[string]any{"address": "+493012345678"},
	}}, 204)
	a.do("addSuppressions", "POST", "/courier/suppressions", map[string]any{"suppressions": []any{map[string]any{"address": "nobody"}}}, 400)
	listed := a.do("listSuppressions", "GET", "/courier/suppressions?address=bob@cardea.test", nil, 200).Body
	a.do("listSuppressions", "GET", "/courier/suppressions?page_size=x", nil, 400)
	a.do("deleteSuppression", "DELETE", "/courier/suppressions/"+strings.Split(string(listed), `"`)[3], nil, 204)
	a.do("deleteSuppression", "DELETE", "/courier/suppressions/"+nobody, nil, 404)
}

func (a admin) deliveries() {
	a.Helper()
	a.server.CreateIdentity("ann@cardea.test", cardeatest.Password)
	var list []struct{ ID string }
	raw := a.do("listDeliveries", "GET", "/events/deliveries?status=waiting&target=events/crm&type=identity.created", nil, 200).Body
	if err := json.Unmarshal(raw, &list); err != nil || len(list) != 1 {
		a.Fatalf("one delivery should wait: %s (%v)", raw, err)
	}
	path := "/events/deliveries/" + list[0].ID
	a.do("listDeliveries", "GET", "/events/deliveries?status=lost", nil, 400)
	a.do("getDelivery", "GET", path, nil, 200)
	a.do("getDelivery", "GET", "/events/deliveries/"+nobody, nil, 404)
	a.do("replayDelivery", "POST", path+"/replay", nil, 409)
	a.do("replayDelivery", "POST", "/events/deliveries/"+nobody+"/replay", nil, 404)
	a.do("replayDeliveries", "POST", "/events/deliveries/replay?target=events/crm", nil, 200)
}

func (a admin) auditLog() {
	a.Helper()
	id := a.server.CreateIdentity("ann@cardea.test", cardeatest.Password)
	a.do("listAuditLog", "GET", "/audit?page_size=1&action=identity.*&outcome=success&since=2000-01-01T00:00:00Z&identity_id="+id, nil, 200)
	a.do("listAuditLog", "GET", "/audit?since=yesterday", nil, 400)
	a.do("getAuditHead", "GET", "/audit/head", nil, 200)
}

func (a admin) organizations() {
	a.Helper()
	made := a.do("createOrganization", "POST", "/organizations", fields{
		"label": "Acme", "domains": []fields{{"name": "acme.test", "verified": true}}, "sign_in": "connections", "session_lifespan": "8h",
	}, 201)
	path := "/organizations/" + made.Text("id")
	a.do("createOrganization", "POST", "/organizations", fields{"label": "Thief", "domains": []fields{{"name": "acme.test"}}}, 409)
	a.do("createOrganization", "POST", "/organizations", fields{"surprise": 1}, 400)
	a.do("listOrganizations", "GET", "/organizations?page_size=1", nil, 200)
	a.do("listOrganizations", "GET", "/organizations?page_token=nope", nil, 400)
	a.do("getOrganization", "GET", path, nil, 200)
	a.do("getOrganization", "GET", "/organizations/"+nobody, nil, 404)
	a.do("updateOrganization", "PUT", path, fields{"enabled": false}, 200)
	a.do("updateOrganization", "PUT", path, fields{"sign_in": "saml"}, 400)
	a.do("updateOrganization", "PUT", "/organizations/"+nobody, fields{"label": "a"}, 404)
	a.do("createIdentity", "POST", "/identities", fields{"traits": fields{"email": "ann@acme.test"}, "organization_id": made.Text("id")}, 201)
	a.do("deleteOrganization", "DELETE", path, nil, 409)
	a.do("deleteOrganization", "DELETE", "/organizations/"+nobody, nil, 404)
	other := a.do("createOrganization", "POST", "/organizations", fields{"label": "Other"}, 201).Text("id")
	a.do("deleteOrganization", "DELETE", "/organizations/"+other, nil, 204)
}

// trying has a provider that nobody has to reach.
const trying = `selfservice: {methods: {oidc: {enabled: true, config: {providers: [
  {id: acme, provider: generic, client_id: x, client_secret: y, issuer_url: "https://acme.test", mapper_url: "base64://e30="}]}}}}`

// trials begins to try a provider out, and gives up.
func (a admin) trials() {
	a.Helper()
	a.do("createTestLoginFlow", "POST", "/test-login-flows", fields{}, 400)
	a.do("createTestLoginFlow", "POST", "/test-login-flows", fields{"provider_id": "nobody"}, 404)
	id := a.do("createTestLoginFlow", "POST", "/test-login-flows", fields{"provider_id": "acme"}, 201).Text("id")
	for _, status := range []int{204, 404} {
		a.d.check(a.T, "deleteTestLoginFlow", a.client.Do("DELETE", "/self-service/login/test?id="+id, nil), status)
	}
}
