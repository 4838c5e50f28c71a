package systemtest

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	ory "github.com/ory/client-go"
	"go.yaml.in/yaml/v3"

	"cardea/api"
	"cardea/cardeatest"
)

// notOfTheClient are the admin operations that are Cardea's own: the official client
// knows nothing of them.
var notOfTheClient = []string{"exportIdentities", "importIdentities", "resendCourierMessage", "listRevokedSessions",
	"listOrganizations", "createOrganization", "getOrganization", "updateOrganization", "deleteOrganization",
	"listDeliveries", "getDelivery", "replayDelivery", "replayDeliveries", "unlockIdentity",
	"listAuditLog", "getAuditHead", "listSuppressions", "addSuppressions", "deleteSuppression",
}

// adminOperations are the operations of the admin port that a description lists, as
// routes whose handlers are never called: asked for a request, they name its operation.
type adminOperations struct {
	*http.ServeMux
	names map[string]string // operations by pattern
}

func readAdminOperations(t *testing.T) adminOperations {
	t.Helper()
	var document struct {
		Paths map[string]map[string]yaml.Node
	}
	if err := yaml.Unmarshal([]byte(api.OpenAPI), &document); err != nil {
		t.Fatal(err)
	}
	all := adminOperations{http.NewServeMux(), map[string]string{}}
	for path, item := range document.Paths {
		for method, node := range item {
			var o struct {
				ID   string `yaml:"operationId"`
				Port string `yaml:"x-port"`
			}
			if method == "parameters" || node.Decode(&o) != nil || o.Port != "admin" {
				continue
			}
			pattern := strings.ToUpper(method) + " " + path
			all.HandleFunc(pattern, http.NotFound)
			all.names[pattern] = o.ID
		}
	}
	return all
}

// diary notes which operations were carried out.
type diary struct {
	http.RoundTripper
	operations adminOperations

	mu   sync.Mutex
	done map[string]bool
}

func (l *diary) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := l.RoundTripper.RoundTrip(r)
	if err == nil && res.StatusCode < 300 {
		_, pattern := l.operations.Handler(r)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.done[l.operations.names[pattern]] = true
	}
	return res, err
}

// operator is the official client in the hands of somebody who looks after identities.
type operator struct {
	official
	admin *ory.APIClient
}

// TestTheOfficialGoClientDrivesTheWholeAdminPort: what the description has for the
// admin port and the test does not use, with success, is a gap in one of the two.
func TestTheOfficialGoClientDrivesTheWholeAdminPort(t *testing.T) {
	t.Parallel()
	provider := cardeatest.NewProvider(t)
	o := operator{official: newOfficial(t, start(t, options{Config: `
selfservice:
  flows: {recovery: {enabled: true, use: code}, verification: {enabled: true, use: code}}
  methods: {code: {enabled: true}, link: {enabled: true}, oidc: {enabled: true, config: {providers: [` + provider.Config("acme", "") + `]}}}
`}))}
	notes := &diary{RoundTripper: &http.Transport{}, operations: readAdminOperations(t), done: map[string]bool{}}
	o.admin = sdk(o.server.AdminURL)
	o.admin.GetConfig().HTTPClient.Transport = notes
	o.identity = o.admin.IdentityAPI

	o.looksAfterIdentities()
	o.looksAfterSessions()
	o.letsPeopleIn()
	o.looksAround()

	for pattern, name := range notes.operations.names {
		if own := slices.Contains(notOfTheClient, name); own == notes.done[name] {
			t.Errorf("%s (%s): carried out is %v, not of the client is %v", name, pattern, notes.done[name], own)
		}
	}
	for _, name := range notOfTheClient {
		if !slices.Contains(slices.Collect(maps.Values(notes.operations.names)), name) {
			t.Errorf("%s is no operation", name)
		}
	}
}

func (o operator) create(email string, credentials *ory.IdentityWithCredentials) *ory.Identity {
	o.t.Helper()
	body := ory.NewCreateIdentityBody("default", map[string]any{"email": email})
	body.Credentials = credentials
	body.SetExternalId("ext-" + email)
	i, res, err := o.identity.CreateIdentity(context.Background()).CreateIdentityBody(*body).Execute()
	o.ok("create an identity", 201, res, err)
	return i
}

func (o operator) looksAfterIdentities() {
	o.t.Helper()
	ctx := context.Background()
	address := "otpauth://totp/Cardea:ann@cardea.test?algorithm=SHA1&digits=6&issuer=Cardea&period=30&secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	ann := o.create("ann@cardea.test", &ory.IdentityWithCredentials{
		Totp: &ory.IdentityWithCredentialsTotp{Config: &ory.IdentityWithCredentialsTotpConfig{TotpUrl: &address}},
	})

	named := ory.NewIdentityPatch()
	named.SetCreate(*ory.NewCreateIdentityBody("default", map[string]any{"email": "bob@cardea.test"}))
	batch := ory.NewPatchIdentitiesBody()
	batch.SetIdentities([]ory.IdentityPatch{*named})
	made, res, err := o.identity.BatchPatchIdentities(ctx).PatchIdentitiesBody(*batch).Execute()
	o.ok("create a batch", 200, res, err)
	if len(made.Identities) != 1 || made.Identities[0].GetAction() != "create" {
		o.t.Fatalf("the batch made %+v, want one identity", made)
	}

	list, res, err := o.identity.ListIdentities(ctx).PageSize(1).Execute()
	o.ok("list a page", 200, res, err)
	if len(list) != 1 || !strings.Contains(res.Header.Get("Link"), `rel="next"`) {
		o.t.Errorf("the page has %d identities and links %q", len(list), res.Header.Get("Link"))
	}
	got, res, err := o.identity.GetIdentity(ctx, ann.Id).IncludeCredential([]string{"totp"}).Execute()
	o.ok("get it with a credential", 200, res, err)
	if totp := (*got.Credentials)["totp"]; totp.Config["totp_url"] != address {
		o.t.Errorf("the credential is %+v", totp)
	}
	byExternal, res, err := o.identity.GetIdentityByExternalID(ctx, "ext-ann@cardea.test").Execute()
	o.ok("get it by its external id", 200, res, err)
	if byExternal.Id != ann.Id {
		o.t.Errorf("the external id leads to %s, want %s", byExternal.Id, ann.Id)
	}

	updated, res, err := o.identity.UpdateIdentity(ctx, ann.Id).
		UpdateIdentityBody(*ory.NewUpdateIdentityBody("default", "active", map[string]any{"email": "anna@cardea.test"})).Execute()
	o.ok("replace it", 200, res, err)
	if traits, _ := updated.Traits.(map[string]any); traits["email"] != "anna@cardea.test" {
		o.t.Errorf("it is now %+v", updated)
	}
	rename := ory.NewJsonPatch("add", "/traits/name")
	rename.SetValue("Ann")
	_, res, err = o.identity.PatchIdentity(ctx, ann.Id).JsonPatch([]ory.JsonPatch{*rename}).Execute()
	o.ok("patch it", 200, res, err)
	res, err = o.identity.DeleteIdentityCredentials(ctx, ann.Id, "totp").Execute()
	o.ok("delete a credential", 204, res, err)
	res, err = o.identity.DeleteIdentity(ctx, ann.Id).Execute()
	o.ok("delete it", 204, res, err)
}

func (o operator) looksAfterSessions() {
	o.t.Helper()
	ctx := context.Background()
	eve := o.signUp("eve@cardea.test")
	one := o.signIn("eve@cardea.test")
	o.signIn("eve@cardea.test")

	all, res, err := o.identity.ListSessions(ctx).Active(true).Expand([]string{"identity"}).Execute()
	o.ok("list all sessions", 200, res, err)
	if len(all) < 3 || all[0].Identity == nil {
		o.t.Errorf("there are %d sessions, want three with identities", len(all))
	}
	of, res, err := o.identity.ListIdentitySessions(ctx, eve.Identity.Id).Execute()
	o.ok("list the sessions of an identity", 200, res, err)
	if len(of) != 3 {
		o.t.Errorf("she has %d sessions, want 3", len(of))
	}
	session, res, err := o.identity.GetSession(ctx, one.Session.Id).Expand([]string{"identity", "devices"}).Execute()
	o.ok("get a session", 200, res, err)
	if session.Identity == nil || session.Identity.Id != eve.Identity.Id {
		o.t.Errorf("the session is %+v", session)
	}
	_, res, err = o.identity.ExtendSession(ctx, one.Session.Id).Execute()
	o.ok("extend it", 200, res, err)
	res, err = o.identity.DisableSession(ctx, one.Session.Id).Execute()
	o.ok("disable it", 204, res, err)
	many := ory.NewManageSessionsBody("disable")
	many.SetIdentities([]string{eve.Identity.Id})
	managed, res, err := o.identity.ManageSessions(ctx).ManageSessionsBody(*many).Execute()
	o.ok("disable the rest", 200, res, err)
	if managed.GetProcessed() != 2 {
		o.t.Errorf("%d sessions were disabled, want 2", managed.GetProcessed())
	}
	res, err = o.identity.DeleteIdentitySessions(ctx, eve.Identity.Id).Execute()
	o.ok("delete all of them", 204, res, err)
}

func (o operator) letsPeopleIn() {
	o.t.Helper()
	ctx := context.Background()
	lea := o.create("lea@cardea.test", nil)
	code, res, err := o.identity.CreateRecoveryCodeForIdentity(ctx).
		CreateRecoveryCodeForIdentityBody(*ory.NewCreateRecoveryCodeForIdentityBody(lea.Id)).Execute()
	o.ok("hand out a code", 201, res, err)
	if len(code.RecoveryCode) != 6 || code.RecoveryLink == "" {
		o.t.Errorf("the code is %+v", code)
	}
	link, res, err := o.identity.CreateRecoveryLinkForIdentity(ctx).
		CreateRecoveryLinkForIdentityBody(*ory.NewCreateRecoveryLinkForIdentityBody(lea.Id)).Execute()
	o.ok("hand out a link", 200, res, err)
	if link.RecoveryLink == "" {
		o.t.Error("there is no link")
	}
	flow, res, err := o.identity.CreateTestLoginFlow(ctx).CreateTestLoginFlowBody(*ory.NewCreateTestLoginFlowBody("acme")).Execute()
	o.ok("try a provider out", 201, res, err)
	if flow.Id == "" {
		o.t.Error("there is no flow")
	}
}

func (o operator) looksAround() {
	o.t.Helper()
	ctx := context.Background()
	asked, res, err := o.frontend.CreateNativeRecoveryFlow(ctx).Execute()
	o.ok("begin to recover", 200, res, err)
	body := ory.NewUpdateRecoveryFlowWithCodeMethod("code")
	body.SetEmail("lea@cardea.test")
	_, res, err = o.frontend.UpdateRecoveryFlow(ctx).Flow(asked.Id).
		UpdateRecoveryFlowBody(ory.UpdateRecoveryFlowWithCodeMethodAsUpdateRecoveryFlowBody(body)).Execute()
	o.ok("ask for a message", 200, res, err)
	messages, res, err := o.admin.CourierAPI.ListCourierMessages(ctx).Recipient("lea@cardea.test").Execute()
	o.ok("list messages", 200, res, err)
	if len(messages) == 0 {
		o.t.Fatal("there is no message")
	}
	message, res, err := o.admin.CourierAPI.GetCourierMessage(ctx, messages[0].Id).Execute()
	o.ok("get a message", 200, res, err)
	if message.Recipient != "lea@cardea.test" {
		o.t.Errorf("the message is %+v", message)
	}
	version, res, err := o.admin.MetadataAPI.GetVersion(ctx).Execute()
	o.ok("ask for the version", 200, res, err)
	if version.Version == "" {
		o.t.Error("there is no version")
	}
}
